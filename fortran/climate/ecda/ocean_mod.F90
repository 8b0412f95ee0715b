!> The ocean of the climate model: z levels, B-grid, hydrostatic and Boussinesq, split-explicit free surface.
!!
!! One internal step (ocean_step_mod): pressure of the density anomalies; second-order Adams-Bashforth of pressure,
!! advection, viscosity; implicit vertical viscosity with wind and bottom drag; semi-implicit Coriolis on the departures
!! from the depth mean; the depth mean and the free surface in substeps (ocean_barotropic_mod); tracers with the mean
!! transport of the substeps (ocean_tracer_mod); implicit vertical mixing (ocean_mixing_mod).
!! Reference for the parts: Griffies (2004), Fundamentals of Ocean Climate Models, chapters 11-12.
module ocean_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity, seawater_density, seconds_per_day
    use comm_mod, only: comm_type
    use status_mod, only: status_type, status_bad_input
    use ocean_type_mod, only: ocean_type
    use ocean_config_mod, only: read_ocean_config
    use ocean_grid_mod, only: init_grid
    use ocean_eos_mod, only: density
    use ocean_initial_mod, only: initial_temperature, initial_salinity, bowl_temperature, bowl_salinity
    use ocean_step_mod, only: internal_step, update_halos
    use ocean_freezing_mod, only: ocean_freezing_heat, ocean_freezing_point
    use ocean_restart_mod, only: ocean_state_size, ocean_pack, ocean_unpack
    use ocean_increment_mod, only: ocean_add_increment, ocean_add_surface_increment
    implicit none
    private
    public :: ocean_type, ocean_init, ocean_step, ocean_surface, ocean_fields, ocean_add_increment, &
        ocean_add_surface_increment, ocean_freezing_heat, ocean_freezing_point, ocean_pack, ocean_unpack, &
        ocean_state_size

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
        call expect_shape('mask', shape(mask))
        call expect_shape('depth', shape(depth))
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

    contains

        subroutine expect_shape(name, found)
            character(len=*), intent(in) :: name
            integer, intent(in) :: found(2)
            character(len=160) :: text
            if (all(found == [nlon, nlat])) return
            write (text, '(3a,i0,a,i0,a,i0,a,i0)') 'ocean_init: ', name, ' is ', found(1), ' x ', found(2), &
                ', the namelist''s ocean_nlon x ocean_nlat is ', nlon, ' x ', nlat
            call status%set(status_bad_input, text)
        end subroutine expect_shape
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
                self%u_new, self%v_new, self%diffusivity, source=self%t)
            allocate (self%eta(g%is:g%ie, g%js:g%je), source=0.0_dp)
            call init_planes(self)
            self%pressure = gravity*seawater_density*g%z
            self%pressure_w = gravity*seawater_density*g%floors(1:)
            self%reference = density(initial_temperature(30.0_dp, g%z), initial_salinity(30.0_dp, g%z), self%pressure)
            do k = 1, g%nk
                do j = 1, g%ny
                    do i = 1, g%nx
                        if (g%mask_t(i, j, k) <= 0.0_dp) cycle
                        associate (lat => g%lat(j + g%j_global), z => g%z(k), t => self%t(i, j, k), &
                            s => self%s(i, j, k))
                            select case (self%config%initial_state)
                            case ('uniform')
                                t = 10.0_dp
                                s = 35.0_dp
                            case ('bowls')
                                t = bowl_temperature(lat, z)
                                s = bowl_salinity(lat, z)
                            case default
                                t = initial_temperature(lat, z)
                                s = initial_salinity(lat, z)
                            end select
                        end associate
                    end do
                end do
            end do
        end associate
        self%has_history = .false.
        self%elapsed = 0.0_dp
        call update_halos(self)
    end subroutine init_state

    !> Room for the forcing and for the horizontal fields of a step; how sunlight fades with depth:
    !!     I(z)/I(0) = R exp(-z/z_red) + (1 - R) exp(-z/z_blue)    (Paulson and Simpson 1977).
    subroutine init_planes(self)
        type(ocean_type), intent(inout) :: self
        associate (p => self%plane, f => self%forcing, g => self%grid, c => self%config)
            allocate (p%top, p%depth, p%mean_u, p%mean_v, p%east, p%north, p%eta_old, p%surface_t, p%surface_s, &
                f%stress_x, f%stress_y, f%heat, f%freshwater, f%shortwave, f%salt, source=self%eta)
            allocate (p%force(g%is:g%ie, g%js:g%je, 3), p%bt(g%is:g%ie, g%js:g%je, 3), source=0.0_dp)
            allocate (self%sunlight(0:g%nk))
            self%sunlight = c%sunlight_red_share*exp(-g%floors/c%sunlight_red_depth) &
                + (1.0_dp - c%sunlight_red_share)*exp(-g%floors/c%sunlight_blue_depth)
        end associate
    end subroutine init_planes

    !> Advance by `seconds`, a multiple of the internal step, under constant fluxes. Collective.
    subroutine ocean_step(self, stress_x, stress_y, heat, freshwater, seconds, status, shortwave, salt)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(in) :: stress_x(:, :)      !< eastward stress on the ocean, at T points (nx, ny) [N/m2]
        real(dp), intent(in) :: stress_y(:, :)      !< northward stress on the ocean [N/m2]
        real(dp), intent(in) :: heat(:, :)          !< heat absorbed by the surface [W/m2]
        real(dp), intent(in) :: freshwater(:, :)    !< freshwater into the ocean [kg/m2/s]
        real(dp), intent(in) :: seconds
        type(status_type), intent(inout) :: status
        real(dp), intent(in), optional :: shortwave(:, :)   !< sunlight into the water, besides `heat` [W/m2]
        real(dp), intent(in), optional :: salt(:, :)        !< salt into the ocean [kg/m2/s]
        integer :: n, steps
        character(len=160) :: text

        steps = nint(seconds/self%dt)
        if (abs(steps*self%dt - seconds) > 1.0e-6_dp*self%dt) then
            write (text, '(a,f0.1,a,f0.1,a)') 'ocean_step: ', seconds, ' s is no multiple of ocean_dt = ', self%dt, ' s'
            call status%set(status_bad_input, text)
        end if
        associate (f => self%forcing)
            f%has_shortwave = present(shortwave)
            f%has_salt = present(salt)
            call take('stress_x', stress_x, f%stress_x)
            call take('stress_y', stress_y, f%stress_y)
            call take('heat', heat, f%heat)
            call take('freshwater', freshwater, f%freshwater)
            if (present(shortwave)) call take('shortwave', shortwave, f%shortwave)
            if (present(salt)) call take('salt', salt, f%salt)
            call self%comm%agree(status)
            if (status%failed()) return
            call self%halo%update(1, 1, f%stress_x, f%stress_y)
            call to_corners(f%stress_x)
            call to_corners(f%stress_y)
        end associate
        ! A failing rank keeps stepping until all know: its neighbours wait for its halos.
        do n = 1, steps
            call internal_step(self, status)
        end do
        call self%comm%agree(status)

    contains

        !> Copy a forcing field to the owned cells; a value on a wet cell that is not finite is refused.
        subroutine take(name, field, kept)
            character(len=*), intent(in) :: name
            real(dp), intent(in) :: field(:, :)
            real(dp), intent(inout) :: kept(self%grid%is:, self%grid%js:)
            integer :: i, j
            if (status%failed()) return
            associate (g => self%grid)
                if (any(shape(field) /= [g%nx, g%ny])) then
                    write (text, '(3a,i0,a,i0,a,i0,a,i0)') 'ocean_step: ', name, ' is ', size(field, 1), ' x ', &
                        size(field, 2), ', this rank holds ', g%nx, ' x ', g%ny
                    call status%set(status_bad_input, text)
                    return
                end if
                do j = 1, g%ny
                    do i = 1, g%nx
                        kept(i, j) = field(i, j)
                        if (abs(field(i, j)) <= huge(1.0_dp) .or. g%mask_t(i, j, 1) <= 0.0_dp) cycle
                        write (text, '(3a,f8.2,a,f8.2,a,f12.4,a)') 'ocean forcing ', name, ' at lat ', &
                            self%lat(j + self%j_first - 1), ', lon ', self%lon(i + self%i_first - 1), ', day ', &
                            self%elapsed/seconds_per_day, ' is not a finite number'
                        call status%set(status_bad_input, text)
                    end do
                end do
            end associate
        end subroutine take

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
