!> Counter-based random numbers: a number depends on its place alone, never on the order in which ranks draw.
module atmos_noise_mod
    use kinds_mod, only: dp, i8
    implicit none
    private

    public :: uniform_noise

contains

    !> Uniform in [-1, 1): xorshift rounds (Marsaglia 2003) over the seed and the counters, one after the other.
    pure real(dp) function uniform_noise(seed, counters)
        integer, intent(in) :: seed
        integer, intent(in) :: counters(:)
        integer, parameter :: rounds = 8
        integer(i8), parameter :: start = 88172645463325252_i8
        integer(i8) :: h
        integer :: i, j

        h = ieor(start, ishft(int(seed, i8), 20))
        do i = 1, size(counters)
            h = ieor(h, int(counters(i), i8))
            do j = 1, rounds
                h = ieor(h, ishft(h, 13))
                h = ieor(h, ishft(h, -7))
                h = ieor(h, ishft(h, 17))
            end do
        end do
        uniform_noise = real(ishft(h, -11), dp)*2.0_dp**(-52) - 1.0_dp
    end function uniform_noise
end module atmos_noise_mod
