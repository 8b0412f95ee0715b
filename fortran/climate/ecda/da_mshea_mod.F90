!> The weakly coupled filter: observations of the atmosphere correct the atmosphere, those of the ocean the ocean.
!!
!! First form of the multiscale high-efficiency approximate EnKF (Yu et al. 2019; Lu et al. 2023), with its stationary
!! ensemble: the model runs once and is the prior mean; spread and regressions come from the anomalies of a long control
!! run, the same at every analysis; the two-step EAKF of da_eakf_mod gives the increment of the mean.
module da_mshea_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_surface, atmos_add_increment
    use ocean_mod, only: ocean_type, ocean_surface, ocean_add_increment
    use da_config_mod, only: da_config_type, da_config_read
    use da_component_mod, only: component_type, tally_type, component_init, component_analyse, component_unpack
    use da_ensemble_mod, only: ensemble_members, ensemble_read
    use da_eakf_mod, only: eakf_field_type
    implicit none
    private

    public :: mshea_init, mshea_atmos, mshea_ocean

    integer, parameter :: kind_ps = 1, kind_va = 4, kind_sst = 5

    type, public :: mshea_type
        type(da_config_type) :: config
        type(component_type) :: atmos              !< fields ps, t, u, v: the kinds 1 to 4
        type(component_type) :: ocean              !< fields temp, salt and, with update_currents, uo, vo
        type(tally_type) :: atmos_tally, ocean_tally  !< of the latest analyses
    end type mshea_type

contains

    !> Collective. Read &da_nml and the stationary anomalies of both components.
    subroutine mshea_init(self, comm, path, atmos, ocean, status)
        type(mshea_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        character(len=*), intent(in) :: path       !< namelist file
        type(atmos_type), intent(in) :: atmos
        type(ocean_type), intent(in) :: ocean
        type(status_type), intent(inout) :: status

        call da_config_read(self%config, path, status)
        call comm%agree(status)
        if (.not. status%failed()) call init_atmos(self, comm, atmos, status)
        if (.not. status%failed()) call init_ocean(self, comm, ocean, status)
    end subroutine mshea_init

    subroutine init_atmos(self, comm, atmos, status)
        type(mshea_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        type(atmos_type), intent(in) :: atmos
        type(status_type), intent(inout) :: status
        integer, allocatable :: levels(:)
        logical :: open(atmos%nlon, atmos%nlat)
        integer :: i, r

        open = .true.
        call component_init(self%atmos, comm, atmos%lon, atmos%lat, open, &
            [((i + (atmos%rows(r) - 1)*atmos%nlon, i=1, atmos%nlon), r=1, size(atmos%rows))], atmos%nlev, status)
        if (status%failed()) return
        self%atmos%fields = [surface_field('ps', self%config%cap_ps, atmos%nlev), &
            field('t', self%config%cap_t, atmos%nlev), field('u', self%config%cap_wind, atmos%nlev), &
            field('v', self%config%cap_wind, atmos%nlev)]
        self%atmos%localization%radius = spread(self%config%radius_atmos, 1, 4)
        levels = spread(atmos%nlev, 1, size(self%atmos%local))
        call read_component(self%atmos, self%config, levels, status)
    end subroutine init_atmos

    subroutine init_ocean(self, comm, ocean, status)
        type(mshea_type), intent(inout) :: self
        type(comm_type), intent(in) :: comm
        type(ocean_type), intent(in) :: ocean
        type(status_type), intent(inout) :: status
        integer, allocatable :: levels(:)
        integer :: i, j

        associate (config => self%config)
            call component_init(self%ocean, comm, ocean%lon, ocean%lat, ocean%wet, &
                [((i + (j - 1)*ocean%nlon, i=ocean%i_first, ocean%i_last), j=ocean%j_first, ocean%j_last)], 1, status)
            if (status%failed()) return
            self%ocean%polar = .false.
            self%ocean%fields = [field('temp', config%cap_temp, ocean%nlev), field('salt', config%cap_salt, ocean%nlev)]
            self%ocean%localization%radius = [config%radius_temp, config%radius_salt]
            if (config%update_currents) then
                self%ocean%fields = [self%ocean%fields, field('uo', config%cap_current, ocean%nlev), &
                    field('vo', config%cap_current, ocean%nlev)]
                self%ocean%localization%radius = [self%ocean%localization%radius, spread(config%radius_current, 1, 2)]
            end if
            levels = reshape(ocean%grid%levels, [ocean%nlon*ocean%nlat])
            levels = levels(self%ocean%column%cell)
            call read_component(self%ocean, config, levels, status)
        end associate
    end subroutine init_ocean

    subroutine read_component(component, config, levels, status)
        type(component_type), intent(inout) :: component
        type(da_config_type), intent(in) :: config
        integer, intent(in) :: levels(:)           !< (column) levels above ground
        type(status_type), intent(inout) :: status
        integer :: f

        component%localization%cosine_floor = config%cosine_floor
        component%localization%levels = config%vertical_levels
        component%outlier_limit = config%outlier_limit
        call ensemble_members(config%ensemble_file, component, component%members, status)
        do f = 1, size(component%fields)
            if (status%failed()) return
            call ensemble_read(config%ensemble_file, component, f, levels, config%inflation, status)
        end do
    end subroutine read_component

    !> Collective. Assimilate observations of the surface into the atmosphere: ps, or ta, ua, va of the lowest level.
    subroutine mshea_atmos(self, atmos, kind, lon, lat, value, error, status)
        type(mshea_type), intent(inout) :: self
        type(atmos_type), intent(inout) :: atmos
        integer, intent(in) :: kind(:)             !< 1 ps [Pa], 2 ta [K], 3 ua, 4 va [m/s]; the same on every rank
        real(dp), intent(in) :: lon(:), lat(:)     !< [degrees]
        real(dp), intent(in) :: value(:), error(:) !< error: standard deviation
        type(status_type), intent(inout) :: status
        real(dp) :: surface(atmos%nlon, size(atmos%rows), 4), dps(atmos%nlon, size(atmos%rows))
        real(dp), allocatable, dimension(:, :, :) :: dt, du, dv

        call check_kinds('mshea_atmos', kind, kind_ps, kind_va, status)
        if (status%failed()) return
        call atmos_surface(atmos, surface(:, :, 1), surface(:, :, 2), surface(:, :, 3), surface(:, :, 4))
        call component_analyse(self%atmos, kind, reshape(surface, [self%atmos%layout%n_here, 4]), lon, lat, value, &
            error, self%atmos_tally, status)
        if (status%failed()) return
        allocate (dt(atmos%nlon, size(atmos%rows), atmos%nlev))
        allocate (du, dv, mold=dt)
        call component_unpack(self%atmos, 1, dps)
        call component_unpack(self%atmos, 2, dt)
        call component_unpack(self%atmos, 3, du)
        call component_unpack(self%atmos, 4, dv)
        call atmos_add_increment(atmos, du, dv, dt, dps, status)
    end subroutine mshea_atmos

    !> Collective. Assimilate sea surface temperature into temperature and salinity, and into currents if so configured.
    subroutine mshea_ocean(self, ocean, kind, lon, lat, value, error, status)
        type(mshea_type), intent(inout) :: self
        type(ocean_type), intent(inout) :: ocean
        integer, intent(in) :: kind(:)             !< 5 sst [degC]; the same on every rank
        real(dp), intent(in) :: lon(:), lat(:)     !< [degrees]
        real(dp), intent(in) :: value(:), error(:) !< error: standard deviation
        type(status_type), intent(inout) :: status
        real(dp), allocatable, dimension(:, :, :) :: dt, ds, du, dv
        real(dp), allocatable, dimension(:, :) :: sst, ssu, ssv, ssh
        integer :: nx, ny

        call check_kinds('mshea_ocean', kind, kind_sst, kind_sst, status)
        if (status%failed()) return
        nx = ocean%i_last - ocean%i_first + 1
        ny = ocean%j_last - ocean%j_first + 1
        allocate (sst(nx, ny))
        allocate (ssu, ssv, ssh, mold=sst)
        call ocean_surface(ocean, sst, ssu, ssv, ssh)
        call component_analyse(self%ocean, kind - kind_sst + 1, reshape(sst, [nx*ny, 1]), lon, lat, value, error, &
            self%ocean_tally, status)
        if (status%failed()) return
        allocate (dt(nx, ny, ocean%nlev))
        allocate (ds, mold=dt)
        allocate (du, dv, mold=dt)
        du = 0.0_dp
        dv = 0.0_dp
        call component_unpack(self%ocean, 1, dt)
        call component_unpack(self%ocean, 2, ds)
        if (self%config%update_currents) then
            call component_unpack(self%ocean, 3, du)
            call component_unpack(self%ocean, 4, dv)
        end if
        ssh = 0.0_dp
        call ocean_add_increment(ocean, dt, ds, du, dv, ssh, status)
    end subroutine mshea_ocean

    subroutine check_kinds(caller, kind, first, last, status)
        character(len=*), intent(in) :: caller
        integer, intent(in) :: kind(:), first, last
        type(status_type), intent(inout) :: status
        character(len=120) :: message
        integer :: j

        j = findloc(kind < first .or. kind > last, .true., dim=1)
        if (j == 0) return
        write (message, '(4(a, i0))') ': observation ', j, ' is of kind ', kind(j), ', known here ', first, ' to ', last
        call status%set(status_bad_input, caller//trim(message))
    end subroutine check_kinds

    !> A field on levels 1 to nlev.
    type(eakf_field_type) function field(name, cap, nlev)
        character(len=*), intent(in) :: name       !< in the ensemble file
        real(dp), intent(in) :: cap
        integer, intent(in) :: nlev
        integer :: k

        field%name = name
        field%cap = cap
        allocate (field%level, source=[(real(k, dp), k=1, nlev)])
    end function field

    !> A field of one number per column, as near to the observations as the surface level.
    type(eakf_field_type) function surface_field(name, cap, surface_level)
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: cap
        integer, intent(in) :: surface_level

        surface_field%name = name
        surface_field%cap = cap
        surface_field%surface = .true.
        allocate (surface_field%level, source=[real(surface_level, dp)])
    end function surface_field
end module da_mshea_mod
