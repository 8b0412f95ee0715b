!> The ocean of the climate model: z levels, B-grid, hydrostatic and Boussinesq, split-explicit free surface.
!!
!! One internal step (ocean_step_mod): pressure of the density anomalies; second-order Adams-Bashforth of pressure,
!! advection, viscosity; implicit vertical viscosity with wind and bottom drag; semi-implicit Coriolis on the departures
!! from the depth mean; the depth mean and the free surface in substeps (ocean_barotropic_mod); tracers with the mean
!! transport of the substeps (ocean_tracer_mod); implicit vertical mixing (ocean_mixing_mod).
!! Reference for the parts: Griffies (2004), Fundamentals of Ocean Climate Models, chapters 11-12.
module ocean_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, seawater_density
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use ocean_type_mod, only: ocean_type
    use ocean_config_mod, only: read_ocean_config
    use ocean_grid_mod, only: init_grid
    use ocean_eos_mod, only: density
    use ocean_initial_mod, only: initial_temperature, initial_salinity
    use ocean_step_mod, only: internal_step, update_halos, check_state
    use ocean_restart_mod, only: ocean_state_size, ocean_pack, ocean_unpack
    use ocean_increment_mod, only: ocean_add_increment, ocean_add_surface_increment
    implicit none
    private
    public :: ocean_type, ocean_init, ocean_step, ocean_surface, ocean_fields, ocean_add_increment, &
        ocean_add_surface_increment, ocean_pack, ocean_unpack, ocean_state_size

    !> The mask may come as integers or reals, 1 = sea, as it stands in the grid file.
    interface ocean_init
        module procedure init_integer_mask, init_real_mask
    end interface ocean_init

contains

    subroutine init_real_mask(self, comm, path, nlon, nlat, nlev, dt, mask, depth, status)
        type(ocean_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: path
        integer, intent(in) :: nlon, nlat, nlev
        real(dp), intent(in) :: dt
        real(dp), intent(in) :: mask(:, :)
        real(dp), intent(in) :: depth(:, :)
        type(status_type), intent(inout) :: status
        call init_integer_mask(self, comm, path, nlon, nlat, nlev, dt, nint(mask), depth, status)
    end subroutine init_real_mask

    !> Build the grid, the decomposition and the initial state. Collective.
    subroutine init_integer_mask(self, comm, path, nlon, nlat, nlev, dt, mask, depth, status)
        type(ocean_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: path        !< namelist file with &ocean_nml; blank: all defaults
        integer, intent(in) :: nlon, nlat, nlev     !< global sizes
        real(dp), intent(in) :: dt                  !< internal time step [s]
        integer, intent(in) :: mask(:, :)           !< 1 = sea (nlon, nlat)
        real(dp), intent(in) :: depth(:, :)         !< depth of the sea floor [m] (nlon, nlat)
        type(status_type), intent(inout) :: status

        if (status%failed()) return
        if (any(shape(mask) /= [nlon, nlat]) .or. any(shape(depth) /= [nlon, nlat])) call status%set(status_bad_input, &
            'ocean_init: mask and depth must be (nlon, nlat)')
        if (nlev < 1 .or. .not. dt > 0.0_dp) call status%set(status_bad_input, &
            'ocean_init: ocean_nlev must be 1 or more and ocean_dt positive')
        call read_ocean_config(self%config, path, status)
        call comm%agree(status)
        if (status%failed()) return
        self%comm = comm
        self%nlon = nlon
        self%nlat = nlat
        self%nlev = nlev
        self%dt = dt
        call self%halo%init(comm, nlon, nlat, self%config%barotropic_halo, status)
        if (status%failed()) return
        self%i_first = self%halo%i_first
        self%i_last = self%halo%i_last
        self%j_first = self%halo%j_first
        self%j_last = self%halo%j_last
        call init_layout(self, status)
        call init_grid(self%grid, self%config, self%halo, nlev, dt, mask, depth)
        self%lon = self%grid%lon
        self%lat = self%grid%lat
        self%lat_bounds = self%grid%lat_bounds
        self%wet = self%grid%wet
        if (.not. any(self%wet)) call status%set(status_bad_input, &
            'ocean_init: no sea is left; the mask needs basins of several cells away from the first and last row')
        if (status%failed()) return
        call init_state(self)
    end subroutine init_integer_mask

    !> Which cells of a global field are held here.
    subroutine init_layout(self, status)
        type(ocean_type), intent(inout) :: self
        type(status_type), intent(inout) :: status
        integer :: i, j
        call self%layout%init(self%comm, self%nlon*self%nlat, &
            [((i + (j - 1)*self%nlon, i=self%i_first, self%i_last), j=self%j_first, self%j_last)], status)
    end subroutine init_layout

    !> Allocate everything and set the initial state: stratified, at rest.
    subroutine init_state(self)
        type(ocean_type), intent(inout) :: self
        integer :: i, j, k

        associate (g => self%grid)
            allocate (self%t(g%is:g%ie, g%js:g%je, g%nk), source=0.0_dp)
            allocate (self%s, self%u, self%v, self%gu_old, self%gv_old, self%gu, self%gv, self%t_new, self%s_new, &
                self%viscosity, self%diffusivity, source=self%t)
            allocate (self%eta(g%is:g%ie, g%js:g%je), source=0.0_dp)
            self%pressure = gravity*seawater_density*g%z
            self%pressure_w = gravity*seawater_density*g%floors(1:)
            self%reference = density(initial_temperature(30.0_dp, g%z), initial_salinity(30.0_dp, g%z), self%pressure)
            do k = 1, g%nk
                do j = 1, g%ny
                    do i = 1, g%nx
                        if (g%mask_t(i, j, k) <= 0.0_dp) cycle
                        self%t(i, j, k) = 10.0_dp
                        self%s(i, j, k) = 35.0_dp
                        if (self%config%initial_state == 'uniform') cycle
                        self%t(i, j, k) = initial_temperature(g%lat(j + g%j_global), g%z(k))
                        self%s(i, j, k) = initial_salinity(g%lat(j + g%j_global), g%z(k))
                    end do
                end do
            end do
        end associate
        self%has_history = .false.
        self%elapsed = 0.0_dp
        call update_halos(self)
    end subroutine init_state

    !> Advance by `seconds`, a multiple of the internal step, under constant fluxes. Collective.
    subroutine ocean_step(self, stress_x, stress_y, heat, freshwater, seconds, status)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(in) :: stress_x(:, :)      !< eastward stress on the ocean, at T points (nx, ny) [N/m2]
        real(dp), intent(in) :: stress_y(:, :)      !< northward stress on the ocean [N/m2]
        real(dp), intent(in) :: heat(:, :)          !< heat into the ocean [W/m2]
        real(dp), intent(in) :: freshwater(:, :)    !< freshwater into the ocean [kg/m2/s]
        real(dp), intent(in) :: seconds
        type(status_type), intent(inout) :: status
        real(dp), dimension(self%grid%is:self%grid%ie, self%grid%js:self%grid%je) :: tx, ty, q, fw
        integer :: n, steps
        character(len=160) :: text

        if (status%failed()) return
        steps = nint(seconds/self%dt)
        if (abs(steps*self%dt - seconds) > 1.0e-6_dp*self%dt) then
            write (text, '(a,f0.1,a,f0.1,a)') 'ocean_step: ', seconds, ' s is no multiple of ocean_dt = ', self%dt, ' s'
            call status%set(status_bad_input, text)
            return
        end if
        associate (g => self%grid)
            tx = 0.0_dp
            ty = 0.0_dp
            q = 0.0_dp
            fw = 0.0_dp
            tx(1:g%nx, 1:g%ny) = stress_x
            ty(1:g%nx, 1:g%ny) = stress_y
            q(1:g%nx, 1:g%ny) = heat
            fw(1:g%nx, 1:g%ny) = freshwater
            call self%halo%update(1, 1, tx, ty)
            call to_corners(tx)
            call to_corners(ty)
        end associate
        ! A failing rank keeps stepping until all know: its neighbours wait for its halos.
        do n = 1, steps
            call internal_step(self, tx, ty, q, fw)
            call check_state(self, status)
        end do
        call self%comm%agree(status)

    contains

        !> Mean of the four T cells around every velocity point, in place.
        subroutine to_corners(x)
            real(dp), intent(inout) :: x(self%grid%is:, self%grid%js:)
            integer :: i, j
            do j = 1, self%grid%ny
                do i = 1, self%grid%nx
                    x(i, j) = 0.25_dp*((x(i, j) + x(i + 1, j)) + (x(i, j + 1) + x(i + 1, j + 1)))
                end do
            end do
        end subroutine to_corners
    end subroutine ocean_step

    !> What the atmosphere sees, on the owned block at T points; 0 on land.
    subroutine ocean_surface(self, sst, ssu, ssv, ssh)
        type(ocean_type), intent(in) :: self
        real(dp), intent(out) :: sst(:, :)          !< temperature of the top cell [degC] (nx, ny)
        real(dp), intent(out) :: ssu(:, :)          !< eastward current of the top cell [m/s]
        real(dp), intent(out) :: ssv(:, :)          !< northward current of the top cell [m/s]
        real(dp), intent(out) :: ssh(:, :)          !< height of the free surface [m]
        associate (g => self%grid)
            sst = self%t(1:g%nx, 1:g%ny, 1)
            ssh = self%eta(1:g%nx, 1:g%ny)
            call at_cells(self, self%u, 1, ssu)
            call at_cells(self, self%v, 1, ssv)
        end associate
    end subroutine ocean_surface

    !> The three-dimensional state on the owned block at T points; 0 on land.
    subroutine ocean_fields(self, t, s, u, v, ssh)
        type(ocean_type), intent(in) :: self
        real(dp), intent(out) :: t(:, :, :)         !< [degC] (nx, ny, nlev)
        real(dp), intent(out) :: s(:, :, :)         !< [g/kg]
        real(dp), intent(out) :: u(:, :, :)         !< [m/s]
        real(dp), intent(out) :: v(:, :, :)         !< [m/s]
        real(dp), intent(out) :: ssh(:, :)          !< [m]
        integer :: k
        associate (g => self%grid)
            t = self%t(1:g%nx, 1:g%ny, :)
            s = self%s(1:g%nx, 1:g%ny, :)
            ssh = self%eta(1:g%nx, 1:g%ny)
            do k = 1, g%nk
                call at_cells(self, self%u, k, u(:, :, k))
                call at_cells(self, self%v, k, v(:, :, k))
            end do
        end associate
    end subroutine ocean_fields

    !> Mean of the wet corners of every T cell at level k; 0 without any.
    subroutine at_cells(self, u, k, mean)
        type(ocean_type), intent(in) :: self
        real(dp), intent(in) :: u(self%grid%is:, self%grid%js:, :)
        integer, intent(in) :: k
        real(dp), intent(out) :: mean(:, :)
        integer :: i, j
        do j = 1, self%grid%ny
            do i = 1, self%grid%nx
                mean(i, j) = self%grid%share(i, j, k) &
                    *((u(i, j, k) + u(i - 1, j, k)) + (u(i, j - 1, k) + u(i - 1, j - 1, k)))
            end do
        end do
    end subroutine at_cells
end module ocean_mod
