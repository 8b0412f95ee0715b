!> The air on pressure levels, on rank 0: u, v, T, q, z there and ps, and increments of u, v, T, q and ps.
!! All routines are collective.
module climate_air_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use climate_type_mod, only: climate_type
    use atmos_mod, only: atmos_surface, atmos_pressure_levels, atmos_add_increment
    implicit none
    private
    public :: climate_get_air, climate_add_air

contains

    !> u, v [m/s], T [K], q [kg/kg], z [m], one after the other at all levels, then ps [Pa].
    subroutine climate_get_air(self, pressure, x, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(in) :: pressure(:)         !< (n) rising [Pa]
        real(dp), intent(inout) :: x(:, :, :)       !< (nlon, nlat, 5 n + 1) on rank 0; elsewhere it is left alone
        type(status_type), intent(inout) :: status
        real(dp) :: part(self%atmos%nlon, size(self%atmos%rows), 5*size(pressure) + 1)
        real(dp), allocatable :: whole(:, :)
        real(dp), dimension(size(part, 1), size(part, 2)) :: t, u, v
        integer :: f, n

        n = size(pressure)
        call check(self, pressure, shape(x), size(part, 3), status)
        if (status%failed()) return
        call atmos_pressure_levels(self%atmos, pressure, part(:, :, :n), part(:, :, n + 1:2*n), &
            part(:, :, 2*n + 1:3*n), part(:, :, 3*n + 1:4*n), part(:, :, 4*n + 1:5*n))
        call atmos_surface(self%atmos, part(:, :, 5*n + 1), t, u, v)
        allocate (whole(merge(size(x, 1), 0, self%comm%is_root()), size(x, 2)))
        do f = 1, size(part, 3)
            call self%atmos_layout%gather(part(:, :, f), whole)
            if (self%comm%is_root()) x(:, :, f) = whole
        end do
    end subroutine climate_get_air

    !> Add rank 0's increments, interpolated to the model's levels. A zero increment changes no bit.
    subroutine climate_add_air(self, pressure, dx, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(in) :: pressure(:)         !< (n) rising [Pa]
        real(dp), intent(in) :: dx(:, :, :)         !< (nlon, nlat, 4 n + 1) of u, v, T, q, then ps, on rank 0
        type(status_type), intent(inout) :: status
        real(dp) :: part(self%atmos%nlon, size(self%atmos%rows), 4*size(pressure) + 1)
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows), self%atmos%nlev) :: du, dv, dt, dq
        real(dp), dimension(self%atmos%nlon, size(self%atmos%rows)) :: ps, t, u, v
        real(dp), allocatable :: whole(:, :)
        integer :: f, n

        n = size(pressure)
        call check(self, pressure, shape(dx), size(part, 3), status)
        if (status%failed()) return
        allocate (whole(merge(size(dx, 1), 0, self%comm%is_root()), size(dx, 2)))
        do f = 1, size(part, 3)
            if (self%comm%is_root()) whole = dx(:, :, f)
            call self%atmos_layout%scatter(whole, part(:, :, f))
        end do
        call atmos_surface(self%atmos, ps, t, u, v)
        call to_model_levels(pressure, part(:, :, :n), self%atmos%sigma, ps, du)
        call to_model_levels(pressure, part(:, :, n + 1:2*n), self%atmos%sigma, ps, dv)
        call to_model_levels(pressure, part(:, :, 2*n + 1:3*n), self%atmos%sigma, ps, dt)
        call to_model_levels(pressure, part(:, :, 3*n + 1:4*n), self%atmos%sigma, ps, dq)
        call atmos_add_increment(self%atmos, du, dv, dt, part(:, :, 4*n + 1), status, dq)
        call self%comm%agree(status)
    end subroutine climate_add_air

    !> Linear in ln p between pressure levels, constant beyond the first and the last.
    pure subroutine to_model_levels(pressure, field, sigma, ps, levels)
        real(dp), intent(in) :: pressure(:)         !< (n) rising [Pa]
        real(dp), intent(in) :: field(:, :, :)      !< (nlon, nrows, n)
        real(dp), intent(in) :: sigma(:)            !< (nlev)
        real(dp), intent(in) :: ps(:, :)            !< (nlon, nrows) [Pa]
        real(dp), intent(out) :: levels(:, :, :)    !< (nlon, nrows, nlev)
        real(dp) :: p, w
        integer :: i, j, k, above, below

        do k = 1, size(sigma)
            do j = 1, size(ps, 2)
                do i = 1, size(ps, 1)
                    p = sigma(k)*ps(i, j)
                    above = max(1, count(pressure <= p))
                    below = min(size(pressure), count(pressure <= p) + 1)
                    w = 0.0_dp
                    if (above < below) w = log(p/pressure(above))/log(pressure(below)/pressure(above))
                    levels(i, j, k) = field(i, j, above) + w*(field(i, j, below) - field(i, j, above))
                end do
            end do
        end do
    end subroutine to_model_levels

    !> Levels that rise, and an array of rank 0 that fits; an error of rank 0 is everyone's.
    subroutine check(self, pressure, found, fields, status)
        type(climate_type), intent(in) :: self
        real(dp), intent(in) :: pressure(:)
        integer, intent(in) :: found(3), fields
        type(status_type), intent(inout) :: status
        character(len=120) :: text
        integer :: expected(3), n

        expected = [self%atmos%nlon, self%atmos%nlat, fields]
        n = size(pressure)
        if (n < 1 .or. .not. all(pressure > 0.0_dp) .or. .not. all(pressure(2:) > pressure(:n - 1))) then
            call status%set(status_bad_input, 'pressure levels have to be positive and to rise')
        else if (self%comm%is_root() .and. any(found /= expected)) then
            write (text, '(2(a, i0, 2(" x ", i0)))') 'air on pressure levels of shape ', found, ', expected ', expected
            call status%set(status_bad_input, trim(text))
        end if
        call self%comm%agree(status)
    end subroutine check
end module climate_air_mod
