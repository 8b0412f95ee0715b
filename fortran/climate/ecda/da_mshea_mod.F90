!> The weakly coupled filter: observations of the atmosphere correct the atmosphere, those of the ocean the ocean.
!!
!! The multiscale high-efficiency approximate EnKF (Yu et al. 2019; Lu et al. 2023): the model runs once and is the
!! prior mean; spread and regressions come from anomalies of the model's own history, stationary, of low and of high
!! frequency, with weights; the two-step EAKF of da_eakf_mod gives the increment of the mean, which is added at once or
!! spread over the following steps.
module da_mshea_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use comm_mod, only: comm_type
    use atmos_mod, only: atmos_type, atmos_surface
    use ocean_mod, only: ocean_type, ocean_surface
    use da_config_mod, only: da_config_type, da_config_read
    use da_component_mod, only: component_type, tally_type, component_init, component_analyse, component_unpack, &
        level_field, surface_field
    use da_ensemble_mod, only: ensembles_read
    use da_pending_mod, only: pending_type
    use da_update_mod, only: atmos_rows, ocean_rows, add_to_atmos, add_to_ocean
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

    !> Collective. Read &da_nml and the anomalies of both components.
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
        logical :: open(atmos%nlon, atmos%nlat)
        integer :: i, r, n

        open = .true.
        n = atmos%nlev
        associate (config => self%config)
            call component_init(self%atmos, comm, atmos%lon, atmos%lat, open, &
                [((i + (atmos%rows(r) - 1)*atmos%nlon, i=1, atmos%nlon), r=1, size(atmos%rows))], n, status)
            if (status%failed()) return
            self%atmos%fields = [surface_field('ps', config%cap_ps, n), &
                level_field('t', config%cap_t, n, n, config%vertical_atmos), &
                level_field('u', config%cap_wind, n, n, config%vertical_atmos), &
                level_field('v', config%cap_wind, n, n, config%vertical_atmos)]
            self%atmos%localization%radius = spread(config%radius_atmos, 1, 4)
            self%atmos%localization%levels = config%vertical_atmos
            call read_component(self%atmos, config, config%weights_atmos, config%inflation_atmos, &
                spread(n, 1, size(self%atmos%local)), status)
        end associate
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
            self%ocean%fields = [level_field('temp', config%cap_temp, ocean%nlev, 1, config%vertical_ocean), &
                level_field('salt', config%cap_salt, ocean%nlev, 1, config%vertical_ocean)]
            self%ocean%localization%radius = [config%radius_temp, config%radius_salt]
            if (config%update_currents) then
                self%ocean%fields = [self%ocean%fields, &
                    level_field('uo', config%cap_current, ocean%nlev, 1, config%vertical_ocean), &
                    level_field('vo', config%cap_current, ocean%nlev, 1, config%vertical_ocean)]
                self%ocean%localization%radius = [self%ocean%localization%radius, spread(config%radius_current, 1, 2)]
            end if
            levels = reshape(ocean%grid%levels, [ocean%nlon*ocean%nlat])
            levels = levels(self%ocean%column%cell)
            self%ocean%localization%levels = config%vertical_ocean
            call read_component(self%ocean, config, config%weights_ocean, config%inflation_ocean, levels, status)
        end associate
    end subroutine init_ocean

    subroutine read_component(component, config, weights, inflation, levels, status)
        type(component_type), intent(inout) :: component
        type(da_config_type), intent(in) :: config
        real(dp), intent(in) :: weights(:)         !< of the ensembles [1]
        real(dp), intent(in) :: inflation          !< of this component, beside that of both [1]
        integer, intent(in) :: levels(:)           !< (column) levels above ground
        type(status_type), intent(inout) :: status

        component%localization%cosine_floor = config%cosine_floor
        component%outlier_limit = config%outlier_limit
        call ensembles_read(component, [config%ensemble_file, config%low_frequency_file, config%high_frequency_file], &
            weights, config%combination == 'increments', config%inflation*inflation, levels, status)
    end subroutine read_component

    !> Collective. Assimilate observations of the surface into the atmosphere: ps, or ta, ua, va of the lowest level.
    subroutine mshea_atmos(self, atmos, kind, lon, lat, value, error, status, pending)
        type(mshea_type), intent(inout) :: self
        type(atmos_type), intent(inout) :: atmos
        integer, intent(in) :: kind(:)             !< 1 ps [Pa], 2 ta [K], 3 ua, 4 va [m/s]; the same on every rank
        real(dp), intent(in) :: lon(:), lat(:)     !< [degrees]
        real(dp), intent(in) :: value(:), error(:) !< error: standard deviation
        type(status_type), intent(inout) :: status
        type(pending_type), intent(inout), optional :: pending !< where update_hours_atmos lets the increment wait
        real(dp) :: surface(atmos%nlon, size(atmos%rows), 4)
        real(dp), allocatable :: rows(:, :)
        integer :: n

        call check_kinds('mshea_atmos', kind, kind_ps, kind_va, status)
        if (status%failed()) return
        call atmos_surface(atmos, surface(:, :, 1), surface(:, :, 2), surface(:, :, 3), surface(:, :, 4))
        call component_analyse(self%atmos, kind, reshape(surface, [self%atmos%layout%n_here, 4]), lon, lat, value, &
            error, self%atmos_tally, status)
        if (status%failed()) return
        n = atmos%nlev
        allocate (rows(self%atmos%layout%n_here, atmos_rows(atmos)))
        call component_unpack(self%atmos, 1, rows(:, 1))
        call component_unpack(self%atmos, 2, rows(:, 2:n + 1))
        call component_unpack(self%atmos, 3, rows(:, n + 2:2*n + 1))
        call component_unpack(self%atmos, 4, rows(:, 2*n + 2:3*n + 1))
        if (present(pending) .and. self%config%update_hours_atmos > 0.0_dp) then
            if (self%atmos_tally%used > 0) call pending%put(rows, self%config%update_hours_atmos, status)
        else
            call add_to_atmos(atmos, rows, status)
        end if
    end subroutine mshea_atmos

    !> Collective. Assimilate sea surface temperature into temperature and salinity, and into currents if so configured.
    subroutine mshea_ocean(self, ocean, kind, lon, lat, value, error, status, pending)
        type(mshea_type), intent(inout) :: self
        type(ocean_type), intent(inout) :: ocean
        integer, intent(in) :: kind(:)             !< 5 sst [degC]; the same on every rank
        real(dp), intent(in) :: lon(:), lat(:)     !< [degrees]
        real(dp), intent(in) :: value(:), error(:) !< error: standard deviation
        type(status_type), intent(inout) :: status
        type(pending_type), intent(inout), optional :: pending !< where update_hours_ocean lets the increment wait
        real(dp), allocatable :: sst(:, :), ssu(:, :), ssv(:, :), ssh(:, :), rows(:, :)
        integer :: nx, ny, n, f

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
        n = ocean%nlev
        allocate (rows(nx*ny, ocean_rows(ocean)), source=0.0_dp)
        do f = 1, size(self%ocean%fields)
            call component_unpack(self%ocean, f, rows(:, (f - 1)*n + 1:f*n))
        end do
        if (present(pending) .and. self%config%update_hours_ocean > 0.0_dp) then
            if (self%ocean_tally%used > 0) call pending%put(rows, self%config%update_hours_ocean, status)
        else
            call add_to_ocean(ocean, rows, status)
        end if
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
end module da_mshea_mod
