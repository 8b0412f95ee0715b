!> Grey radiation in two streams, after Frierson, Held and Zurita-Gotor (2006) and O'Gorman and Schneider (2008).
!!
!! Long wave: dU/dtau = U - B, dD/dtau = B - D, B = sigma_SB T^4, with the optical depth from the top
!!     tau = tau_0(lat) [f_l s + (1 - f_l) s^4],   tau_0 = tau_eq + (tau_pole - tau_eq) sin^2(lat),   s = p/ps.
!! B is known at the layers' centres, taken linear in tau to and between the interfaces, and each half layer of depth d
!! with B_a above and B_b below is integrated exactly:
!!     D_b = D_a e + B_b - B_a e - (B_b - B_a) c,   U_a = U_b e + B_a - B_b e + (B_b - B_a) c,
!!     e = exp(-d), c = (1 - e)/d.
!! So the grey radiative equilibrium B = F (tau + 1)/2 is kept exactly. As tau depends on s alone, all exponentials are
!! tables by row.
!!
!! Short wave: the share cloud_albedo is reflected at the top, the rest is absorbed on the way down with the optical
!! depth tau_sw s^2; what the surface reflects leaves unabsorbed.
module atmos_radiation_mod
    use kinds_mod, only: dp
    use constants_mod, only: stefan_boltzmann, gravity, dry_air_cp
    use atmos_config_mod, only: config_type
    use atmos_vertical_mod, only: vertical_type
    implicit none
    private

    type, public :: radiation_type
        integer :: nlev = 0
        real(dp), allocatable :: e(:, :), c(:, :)        !< (2 nlev, nrows) e and c of each half layer
        real(dp), allocatable :: below(:, :)             !< (0:nlev, nrows) weight of the lower centre at an interface
        real(dp), allocatable :: sw_absorbed(:)          !< (nlev) share of the entering short wave
        real(dp) :: sw_surface = 1.0_dp                  !< share that arrives at the surface
        real(dp), allocatable :: ds(:)
    contains
        procedure :: init => radiation_init
        procedure :: planck_nodes
        procedure :: down
        procedure :: heating
    end type radiation_type

contains

    subroutine radiation_init(self, config, vertical, sin_lat)
        class(radiation_type), intent(out) :: self
        type(config_type), intent(in) :: config
        type(vertical_type), intent(in) :: vertical
        real(dp), intent(in) :: sin_lat(:)               !< (nrows)
        real(dp) :: s(0:2*vertical%nlev), tau(0:2*vertical%nlev), tau_0, d
        integer :: n, k, j, row, lower

        n = vertical%nlev
        self%nlev = n
        self%ds = vertical%ds
        s(0:2*n:2) = vertical%half
        s(1:2*n:2) = vertical%full
        allocate(self%e(2*n, size(sin_lat)), self%c(2*n, size(sin_lat)), self%below(0:n, size(sin_lat)))
        do row = 1, size(sin_lat)
            tau_0 = config%lw_depth_equator + (config%lw_depth_pole - config%lw_depth_equator)*sin_lat(row)**2
            tau = tau_0*(config%lw_linear*s + (1.0_dp - config%lw_linear)*s**4)
            do j = 1, 2*n
                d = tau(j) - tau(j - 1)
                self%e(j, row) = exp(-d)
                self%c(j, row) = (1.0_dp - self%e(j, row))/d
                if (d < 1.0e-5_dp) self%c(j, row) = 1.0_dp - 0.5_dp*d
            end do
            do k = 0, n
                lower = min(max(k + 1, 2), n)            ! outside, the line through the two outermost centres
                self%below(k, row) = 0.0_dp
                if (n > 1) self%below(k, row) = (tau(2*k) - tau(2*lower - 3))/(tau(2*lower - 1) - tau(2*lower - 3))
            end do
        end do
        self%sw_absorbed = [(exp(-config%sw_depth*vertical%half(k - 1)**2) &
            - exp(-config%sw_depth*vertical%half(k)**2), k=1, n)]
        self%sw_surface = exp(-config%sw_depth)
    end subroutine radiation_init

    !> B at the top, the centres and the interfaces in turn, down to the surface air.
    pure subroutine planck_nodes(self, row, t, b)
        class(radiation_type), intent(in) :: self
        integer, intent(in) :: row                       !< local row
        real(dp), intent(in), contiguous :: t(:, :)      !< (nlon, nlev) [K]
        real(dp), intent(out) :: b(:, 0:)                !< (nlon, 0:2 nlev) [W/m2]
        integer :: k, lower, upper

        do k = 1, self%nlev
            b(:, 2*k - 1) = stefan_boltzmann*(t(:, k)*t(:, k))**2
        end do
        do k = 0, self%nlev
            lower = min(max(k + 1, 2), self%nlev)
            upper = max(lower - 1, 1)
            b(:, 2*k) = max(0.0_dp, b(:, 2*upper - 1) + self%below(k, row)*(b(:, 2*lower - 1) - b(:, 2*upper - 1)))
        end do
    end subroutine planck_nodes

    !> Downward long wave at the interfaces, 0 at the top.
    pure subroutine down(self, row, b, flux)
        class(radiation_type), intent(in) :: self
        integer, intent(in) :: row
        real(dp), intent(in) :: b(:, 0:)                 !< (nlon, 0:2 nlev) [W/m2]
        real(dp), intent(out) :: flux(:, 0:)             !< (nlon, 0:nlev) [W/m2]
        real(dp) :: stream(size(b, 1))
        integer :: j

        stream = 0.0_dp
        flux(:, 0) = 0.0_dp
        do j = 1, 2*self%nlev
            associate (e => self%e(j, row), c => self%c(j, row))
                stream = stream*e + b(:, j)*(1.0_dp - c) + b(:, j - 1)*(c - e)
            end associate
            if (mod(j, 2) == 0) flux(:, j/2) = stream
        end do
    end subroutine down

    !> Heating of one row, and the long wave that leaves at the top.
    pure subroutine heating(self, row, t, ps, sw_in, lw_up, rate, olr)
        class(radiation_type), intent(in) :: self
        integer, intent(in) :: row
        real(dp), intent(in), contiguous :: t(:, :)      !< (nlon, nlev) [K]
        real(dp), intent(in) :: ps(:)                    !< (nlon) [Pa]
        real(dp), intent(in) :: sw_in(:)                 !< short wave that enters at the top [W/m2]
        real(dp), intent(in) :: lw_up(:)                 !< upward long wave at the surface [W/m2]
        real(dp), intent(out), contiguous :: rate(:, :)  !< (nlon, nlev) [K/s]
        real(dp), intent(out) :: olr(:)                  !< [W/m2]
        real(dp) :: b(size(t, 1), 0:2*self%nlev), net(size(t, 1), 0:self%nlev), stream(size(t, 1))
        integer :: j, k

        call self%planck_nodes(row, t, b)
        call self%down(row, b, net)
        stream = lw_up
        net(:, self%nlev) = stream - net(:, self%nlev)
        do j = 2*self%nlev, 1, -1
            associate (e => self%e(j, row), c => self%c(j, row))
                stream = stream*e + b(:, j - 1)*(1.0_dp - c) + b(:, j)*(c - e)
            end associate
            if (mod(j, 2) == 1) net(:, j/2) = stream - net(:, j/2)
        end do
        olr = stream
        do k = 1, self%nlev
            rate(:, k) = gravity/(dry_air_cp*self%ds(k))/ps*(net(:, k) - net(:, k - 1) + self%sw_absorbed(k)*sw_in)
        end do
    end subroutine heating
end module atmos_radiation_mod
