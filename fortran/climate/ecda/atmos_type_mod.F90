!> The atmosphere as one object, and its start.
module atmos_type_mod
    use kinds_mod, only: dp, i8
    use constants_mod, only: degree, gravity, dry_air_gas_constant
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use atmos_config_mod, only: config_type, read_config
    use atmos_gauss_mod, only: gaussian_bounds
    use atmos_dynamics_mod, only: dynamics_type
    use atmos_implicit_mod, only: implicit_type
    use atmos_sil3_mod, only: sil3_type, implicit_weight
    use atmos_mass_mod, only: mean_surface_pressure
    use atmos_noise_mod, only: uniform_noise
    implicit none
    private

    type, public :: atmos_type
        integer :: nlon = 0, nlat = 0, nlev = 0, trunc = 0
        real(dp) :: dt = 0.0_dp                      !< time step [s]
        integer :: j_first = 1                       !< southernmost latitude held here
        integer, allocatable :: rows(:)              !< global indices (1 = southernmost) of the latitudes held here
        real(dp), allocatable :: lon(:)              !< (nlon) degrees, from 0
        real(dp), allocatable :: lat(:)              !< (nlat) degrees, south to north
        real(dp), allocatable :: lat_bounds(:)       !< (nlat + 1) degrees; their areas are the Gaussian weights
        real(dp), allocatable :: sigma(:)            !< (nlev) sigma of the layers, top down
        integer(i8) :: seconds = 0                   !< clock since 2000-01-01, for the season; the caller may set it
        real(dp) :: mean_ps = 0.0_dp                 !< global mean of ps that the dry-mass fixer holds [Pa]
        type(comm_type) :: comm
        type(config_type) :: config
        type(dynamics_type) :: dynamics
        type(implicit_type) :: implicit
        type(sil3_type) :: sil3
        !> (3 nlev + 1, 2, ns) vorticity, divergence [1/s], temperature [K] and ln(ps/Pa), with forcing = 'moist' nlev
        !! rows of specific humidity [kg/kg] after them; see atmos_layout_mod.
        real(dp), allocatable :: x(:, :, :)
        ! Means over the last step of a moist atmosphere, (nlon, nrows):
        real(dp), allocatable :: precipitation(:, :) !< all of it rain [kg/m2/s]
        real(dp), allocatable :: toa_sw_net(:, :)    !< short wave kept by the planet [W/m2]
        real(dp), allocatable :: olr(:, :)           !< long wave to space [W/m2]
        real(dp) :: water_correction = 0.0_dp        !< what the fixer added in the last step, over all the water
    end type atmos_type

    public :: atmos_init

contains

    !> Build the grid and the operators and start from isothermal rest with noise. The same call on all ranks of comm.
    subroutine atmos_init(self, comm, path, trunc, nlon, nlat, nlev, dt, topography, status)
        type(atmos_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: path          !< namelist file with &atmos_nml; '' for the defaults
        integer, intent(in) :: trunc                  !< triangular truncation
        integer, intent(in) :: nlon, nlat, nlev
        real(dp), intent(in) :: dt                    !< time step, whole seconds [s]
        real(dp), intent(in) :: topography(:, :)      !< (nlon, nlat) global surface height [m]; zeros: flat
        type(status_type), intent(inout) :: status
        integer :: i

        call check_sizes(trunc, nlon, nlat, dt, shape(topography), status)
        if (.not. status%failed()) call read_config(path, nlev, self%config, status)
        if (.not. status%failed()) call self%dynamics%transform%init(comm, trunc, nlon, nlat, status)
        call comm%agree(status)
        if (status%failed()) return
        self%comm = comm
        self%trunc = trunc
        self%nlon = nlon
        self%nlat = nlat
        self%nlev = nlev
        self%dt = dt
        self%rows = self%dynamics%transform%layout%rows
        self%j_first = self%rows(1)
        self%lon = [(360.0_dp*real(i - 1, dp)/real(nlon, dp), i=1, nlon)]
        self%lat = asin(self%dynamics%transform%mu)/degree
        allocate(self%lat_bounds(nlat + 1))
        call gaussian_bounds(self%dynamics%transform%weight, self%lat_bounds)
        call build_dynamics(self)
        call set_topography(self, topography)
        call set_initial_state(self)
    end subroutine atmos_init

    subroutine check_sizes(trunc, nlon, nlat, dt, topography_shape, status)
        integer, intent(in) :: trunc, nlon, nlat, topography_shape(2)
        real(dp), intent(in) :: dt
        type(status_type), intent(inout) :: status
        character(len=160) :: message

        message = ''
        if (trunc < 1) then
            write (message, '(a,i0,a)') 'atmos_trunc is ', trunc, '; it must be at least 1'
        else if (mod(nlon, 2) /= 0 .or. nlon <= 2*trunc) then
            write (message, '(a,i0,a,i0)') 'atmos_nlon is ', nlon, '; it must be even and at least 3*trunc+1 = ', &
                3*trunc + 1
        else if (mod(nlat, 2) /= 0 .or. nlat <= trunc) then
            write (message, '(a,i0,a,i0)') 'atmos_nlat is ', nlat, '; it must be even and at least (3*trunc+1)/2 = ', &
                (3*trunc + 1)/2
        else if (dt < 1.0_dp .or. dt /= anint(dt)) then
            write (message, '(a,es10.3,a)') 'atmos_dt is ', dt, ' s; it must be a whole number of seconds'
        else if (any(topography_shape /= [nlon, nlat])) then
            write (message, '(4(a,i0))') 'topography is ', topography_shape(1), ' x ', topography_shape(2), &
                '; the atmosphere grid is ', nlon, ' x ', nlat
        end if
        if (message /= '') call status%set(status_bad_input, 'atmosphere: '//trim(message))
    end subroutine check_sizes

    subroutine build_dynamics(self)
        type(atmos_type), intent(inout) :: self

        associate (d => self%dynamics, c => self%config)
            d%nlev = self%nlev
            d%barotropic = c%equations == 'barotropic'
            d%nq = merge(self%nlev, 0, c%forcing == 'moist')
            d%t_ref = c%reference_temperature
            call d%vertical%init([0.0_dp, c%sigma_half(1:self%nlev - 1), 1.0_dp])
            self%sigma = d%vertical%full
            call d%physics%init(c, d%vertical)
            if (d%nq > 0) call d%moist%init(c, d%vertical, d%transform%mu(self%rows), self%nlon, self%dt)
            allocate(self%precipitation(self%nlon, size(self%rows)), self%toa_sw_net(self%nlon, size(self%rows)), &
                self%olr(self%nlon, size(self%rows)), source=0.0_dp)
            call d%allocate_work()
            call self%implicit%init(d%vertical, self%trunc, d%t_ref, 3600.0_dp*c%diffusion_hours, c%diffusion_order, &
                self%dt*implicit_weight)
        end associate
    end subroutine build_dynamics

    !> Surface geopotential g h, smoothed by exp(-filter [n(n+1)/(N(N+1))]^2).
    subroutine set_topography(self, topography)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: topography(:, :)
        real(dp) :: grid(self%nlon, 1, 2), spectral(1, 2, self%dynamics%transform%layout%ns), keep(0:self%trunc + 1)
        integer :: pair, s, i

        associate (tr => self%dynamics%transform, n => self%dynamics%transform%layout%n)
            do pair = 1, tr%layout%npairs
                grid(:, 1, 1) = gravity*topography(:, self%rows(pair))
                grid(:, 1, 2) = gravity*topography(:, self%nlat + 1 - self%rows(pair))
                call tr%pair_from_grid(1, pair, grid)
            end do
            call tr%analyze(1, spectral)
            ! A table of fixed length: the vector version of exp may round otherwise than the scalar one at a loop's
            ! end.
            keep = exp(-self%config%topography_filter &
                *[((real(i*(i + 1), dp)/real(self%trunc*(self%trunc + 1), dp))**2, i=0, self%trunc + 1)])
            keep(self%trunc + 1) = 0.0_dp
            do s = 1, tr%layout%ns
                spectral(:, :, s) = keep(n(s))*spectral(:, :, s)
            end do
        end associate
        self%dynamics%phi_s = spectral(1, :, :)
    end subroutine set_topography

    !> Rest, isothermal, dry, in hydrostatic balance with the topography, and noise of about `perturbation` K in T.
    subroutine set_initial_state(self)
        type(atmos_type), intent(inout) :: self
        integer :: s, part, level, k

        k = self%nlev
        associate (layout => self%dynamics%transform%layout, c => self%config)
            allocate(self%x(3*k + 1 + self%dynamics%nq, 2, layout%ns), source=0.0_dp)
            self%x(3*k + 1, :, :) = -self%dynamics%phi_s/(dry_air_gas_constant*c%initial_temperature)
            do s = 1, layout%ns
                if (layout%n(s) == 0) then
                    self%x(2*k + 1:3*k, 1, s) = c%initial_temperature
                    self%x(3*k + 1, 1, s) = self%x(3*k + 1, 1, s) + log(c%sea_level_pressure)
                    cycle
                end if
                if (layout%n(s) > layout%trunc .or. self%dynamics%barotropic) cycle
                do part = 1, merge(1, 2, layout%m(s) == 0)
                    do level = 1, k
                        self%x(2*k + level, part, s) = c%perturbation/real(self%trunc + 1, dp) &
                            *uniform_noise(c%perturbation_seed, [layout%m(s), layout%n(s), part, level])
                    end do
                end do
            end do
            self%mean_ps = mean_surface_pressure(self%dynamics%transform, self%x(3*k + 1, :, :))
        end associate
    end subroutine set_initial_state
end module atmos_type_mod
