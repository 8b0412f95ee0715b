!> The filter on one component, atmosphere or ocean: the columns held by this rank, their stationary anomalies, and one
!! analysis of scalar observations of the surface. Knows grids and fields, not models.
module da_component_mod
    use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use comm_mod, only: comm_type
    use layout_mod, only: layout_type
    use da_localization_mod, only: localization_type, unit_vector
    use da_connection_mod, only: connection_type
    use da_eakf_mod, only: eakf_observations_type, eakf_field_type, column_type, eakf_sweep, eakf_column
    use da_interpolation_mod, only: interpolation_type, interpolation_find, interpolation_apply
    implicit none
    private

    public :: component_init, component_analyse, component_unpack

    !> What became of the observations of an analysis.
    type, public :: tally_type
        integer :: used = 0
        integer :: outside = 0                     !< no open cell around the place
        integer :: outliers = 0                    !< too far from the prior
    end type tally_type

    type, public :: component_type
        type(layout_type) :: layout                !< of the surface cells, the global field by longitude first
        type(connection_type) :: connection
        type(localization_type) :: localization    !< numbered as the fields
        type(eakf_field_type), allocatable :: fields(:)
        integer :: members = 0
        integer :: surface_level = 1               !< the level an observation of the surface belongs to
        logical :: polar = .true.                  !< the grid covers the poles
        real(dp) :: outlier_limit = 0.0_dp         !< reject beyond this many standard deviations; 0: keep all
        real(dp), allocatable :: lon(:), lat(:)    !< global [degrees]
        logical, allocatable :: open(:, :)         !< global (lon, lat)
        integer, allocatable :: local(:)           !< (column) place of the column among this rank's cells
        type(column_type), allocatable :: column(:)
    end type component_type

contains

    !> Columns are the open cells of this rank; cells(:) are its cells in the order of its arrays.
    subroutine component_init(self, comm, lon, lat, open, cells, surface_level, status)
        type(component_type), intent(out) :: self
        type(comm_type), intent(in) :: comm
        real(dp), intent(in) :: lon(:), lat(:)     !< global [degrees]
        logical, intent(in) :: open(:, :)          !< global (lon, lat), .false. where the component has no column
        integer, intent(in) :: cells(:)            !< global numbers of this rank's cells
        integer, intent(in) :: surface_level
        type(status_type), intent(inout) :: status
        integer :: c, i, j

        self%lon = lon
        self%lat = lat
        self%open = open
        self%surface_level = surface_level
        self%polar = all(open)
        if (.not. self%polar) call self%connection%init(lon, lat, open)
        call self%layout%init(comm, size(open), cells, status)
        if (status%failed()) return
        self%local = pack([(c, c=1, size(cells))], &
            [(open(modulo(cells(c) - 1, size(lon)) + 1, (cells(c) - 1)/size(lon) + 1), c=1, size(cells))])
        allocate (self%column(size(self%local)))
        do c = 1, size(self%local)
            self%column(c)%cell = cells(self%local(c))
            i = modulo(self%column(c)%cell - 1, size(lon)) + 1
            j = (self%column(c)%cell - 1)/size(lon) + 1
            self%column(c)%position = unit_vector(lon(i), lat(j))
        end do
    end subroutine component_init

    !> Collective. Set the increments of every field from observations of the surface values of some of them. Every rank
    !! passes the same observations; their order is that of the assimilation.
    subroutine component_analyse(self, field, surface, lon, lat, value, error, tally, status)
        type(component_type), intent(inout) :: self
        integer, intent(in) :: field(:)            !< which field each observation is of
        real(dp), intent(in) :: surface(:, :)      !< (cells of this rank, field) the model's surface values
        real(dp), intent(in) :: lon(:), lat(:)     !< [degrees]
        real(dp), intent(in) :: value(:), error(:) !< in the field's unit; error: standard deviation
        type(tally_type), intent(out) :: tally
        type(status_type), intent(inout) :: status
        type(eakf_observations_type) :: obs
        integer :: c, f

        call check_observations(lon, lat, value, error, status)
        if (status%failed()) return
        call obs%init(self%members, field, spread(real(self%surface_level, dp), 1, size(value)), lon, lat, value, error)
        call set_priors(self, surface, lon, obs, tally%outside)
        call obs%reject_outliers(self%outlier_limit, tally%outliers)
        call eakf_sweep(obs, self%localization, self%connection)
        tally%used = count(obs%used)
        do f = 1, size(self%fields)
            self%fields(f)%increment = 0.0_dp
        end do
        if (tally%used == 0) return
        do c = 1, size(self%column)
            call eakf_column(obs, self%localization, self%connection, self%column(c), c, self%fields)
        end do
    end subroutine component_analyse

    !> The increments of a field on all cells of this rank, zero where no column is.
    subroutine component_unpack(self, f, increment)
        type(component_type), intent(in) :: self
        integer, intent(in) :: f
        real(dp), intent(out) :: increment(self%layout%n_here, size(self%fields(f)%level)) !< any rank: a sequence
        integer :: c

        increment = 0.0_dp
        do c = 1, size(self%local)
            increment(self%local(c), :) = self%fields(f)%increment(:, c)
        end do
    end subroutine component_unpack

    !> Prior mean and anomalies of every observation: one surface field at a time is gathered and interpolated, so that
    !! a rank holds no more of the ensemble than its own columns.
    subroutine set_priors(self, surface, lon, obs, outside)
        type(component_type), intent(in) :: self
        real(dp), intent(in) :: surface(:, :)
        real(dp), intent(in) :: lon(:)
        type(eakf_observations_type), intent(inout) :: obs
        integer, intent(out) :: outside            !< observations without an open cell around them
        type(interpolation_type) :: at(obs%count)
        real(dp) :: whole(self%layout%n_global)
        integer :: f, j, n

        do j = 1, obs%count
            at(j) = interpolation_find(lon(j), obs%lat(j), self%lon, self%lat, self%open, self%polar)
            obs%used(j) = at(j)%nearest > 0
            obs%cell(j) = max(1, at(j)%nearest)
        end do
        outside = count(.not. obs%used)
        do f = 1, size(self%fields)
            if (.not. any(obs%field == f .and. obs%used)) cycle
            call self%layout%gather_to_all(surface(:, f), whole)
            do j = 1, obs%count
                if (obs%field(j) == f) obs%mean(j) = interpolation_apply(at(j), whole)
            end do
            do n = 1, self%members
                call self%layout%gather_to_all(surface_anomaly(self, f, n), whole)
                do j = 1, obs%count
                    if (obs%field(j) == f) obs%anomaly(n, j) = interpolation_apply(at(j), whole)
                end do
            end do
        end do
    end subroutine set_priors

    pure function surface_anomaly(self, f, member)
        type(component_type), intent(in) :: self
        integer, intent(in) :: f, member
        real(dp) :: surface_anomaly(self%layout%n_here)
        integer :: level

        level = merge(1, self%surface_level, self%fields(f)%surface)
        surface_anomaly = 0.0_dp
        surface_anomaly(self%local) = self%fields(f)%anomaly(member, level, :)
    end function surface_anomaly

    subroutine check_observations(lon, lat, value, error, status)
        real(dp), intent(in) :: lon(:), lat(:), value(:), error(:)
        type(status_type), intent(inout) :: status
        character(len=200) :: message
        integer :: j

        do j = 1, size(value)
            if (all(ieee_is_finite([lon(j), lat(j), value(j), error(j)])) .and. error(j) > 0.0_dp &
                .and. abs(lat(j)) <= 90.0_dp) cycle
            write (message, '(a, i0, 4(a, es12.5))') 'observation ', j, ': lon ', lon(j), ', lat ', lat(j), &
                ', value ', value(j), ', error ', error(j)
            call status%set(status_bad_input, trim(message)//'; finite numbers and a positive error are needed')
            return
        end do
    end subroutine check_observations
end module da_component_mod
