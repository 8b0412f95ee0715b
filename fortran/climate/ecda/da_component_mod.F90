!> The filter on one component, atmosphere or ocean: the columns held by this rank, their anomalies, and one analysis of
!! scalar observations of the surface. Knows grids and fields, not models.
!!
!! Anomalies come from one or more ensembles. Either they are one ensemble whose covariance is the weighted sum of
!! theirs, or each is a filter of its own (a group) from the same prior, and their increments are weighted and added.
module da_component_mod
    use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use comm_mod, only: comm_type
    use layout_mod, only: layout_type
    use constants_mod, only: degree
    use da_localization_mod, only: localization_type, unit_vector
    use da_connection_mod, only: connection_type
    use da_eakf_mod, only: eakf_observations_type, eakf_sweep
    use da_column_mod, only: eakf_field_type, column_type, eakf_columns, cap_increments
    use da_interpolation_mod, only: interpolation_type, interpolation_find, interpolation_apply
    implicit none
    private

    public :: component_init, component_analyse, component_unpack, level_field, surface_field

    !> What became of the observations of an analysis.
    type, public :: tally_type
        integer :: used = 0
        integer :: outside = 0                     !< no open cell around the place
        integer :: outliers = 0                    !< too far from the prior
        integer :: capped = 0                      !< increments limited, of all columns, levels and fields
        real(dp) :: innovation = 0.0_dp            !< rms of y - hbar of what is used of the first field, in its unit
        real(dp) :: normalized = 0.0_dp            !< rms of (y - hbar)/sqrt(v + r) of all that is used; 1 if v is right
        real(dp) :: increment = 0.0_dp             !< rms over the first field's surface, by area, in its unit
    end type tally_type

    !> Members that are a filter of their own.
    type, public :: group_type
        integer :: first = 1, members = 0
        real(dp) :: weight = 1.0_dp                !< of its increments [1]
    end type group_type

    type, public :: component_type
        type(layout_type) :: layout                !< of the surface cells, the global field by longitude first
        type(connection_type) :: connection
        type(localization_type) :: localization    !< numbered as the fields
        type(eakf_field_type), allocatable :: fields(:)
        integer :: members = 0                     !< of all ensembles
        type(group_type), allocatable :: groups(:)
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
        type(eakf_observations_type) :: prior, obs
        real(dp) :: variance(size(value))
        integer :: f, g, capped

        call check_observations(lon, lat, value, error, status)
        if (status%failed()) return
        call prior%init(self%members, field, spread(real(self%surface_level, dp), 1, size(value)), lon, lat, value, &
            error)
        call set_priors(self, surface, prior, tally%outside)
        variance = 0.0_dp
        do g = 1, size(self%groups)
            obs = part(prior, self%groups(g))
            variance = variance + self%groups(g)%weight*obs%variances()
        end do
        call prior%reject_outliers(self%outlier_limit, variance, tally%outliers)
        tally%used = count(prior%used .and. variance > 0.0_dp)
        do f = 1, size(self%fields)
            self%fields(f)%increment = 0.0_dp
        end do
        if (tally%used == 0) return
        do g = 1, size(self%groups)
            obs = part(prior, self%groups(g))
            call eakf_sweep(obs, self%localization, self%connection)
            call eakf_columns(obs, self%localization, self%connection, self%column, self%fields, &
                self%groups(g)%first, self%groups(g)%weight)
        end do
        call cap_increments(self%fields, capped)
        call sum_up(self, prior, variance, capped, tally)
    end subroutine component_analyse

    !> The observations with the anomalies of one group.
    type(eakf_observations_type) function part(prior, group) result(obs)
        type(eakf_observations_type), intent(in) :: prior
        type(group_type), intent(in) :: group

        obs = prior
        obs%members = group%members
        obs%anomaly = prior%anomaly(group%first:group%first + group%members - 1, :)
    end function part

    !> Collective. The numbers of the tally that need the increments of all ranks, summed in global order.
    subroutine sum_up(self, prior, variance, capped, tally)
        type(component_type), intent(in) :: self
        type(eakf_observations_type), intent(in) :: prior
        real(dp), intent(in) :: variance(:)        !< v of every observation
        integer, intent(in) :: capped              !< increments limited on this rank
        type(tally_type), intent(inout) :: tally
        real(dp) :: here(self%layout%n_here), whole(size(self%lon), size(self%lat)), area, total
        integer :: all_capped(self%layout%comm%size), j
        logical :: counted(prior%count)

        call self%layout%comm%counts_of(capped, all_capped)
        tally%capped = sum(all_capped)
        counted = prior%used .and. variance > 0.0_dp
        tally%normalized = rms(pack((prior%value - prior%mean)/sqrt(variance + prior%variance), counted))
        tally%innovation = rms(pack(prior%value - prior%mean, counted .and. prior%field == 1))
        here = 0.0_dp
        here(self%local) = self%fields(1)%increment(surface_place(self, 1), :)
        call self%layout%gather_to_all(here, whole)
        area = 0.0_dp
        total = 0.0_dp
        do j = 1, size(self%lat)
            area = area + cos(self%lat(j)*degree)*count(self%open(:, j))
            total = total + cos(self%lat(j)*degree)*sum(whole(:, j)**2)
        end do
        tally%increment = sqrt(total/area)
    end subroutine sum_up

    !> Root mean square; 0 of nothing.
    pure real(dp) function rms(x)
        real(dp), intent(in) :: x(:)
        rms = 0.0_dp
        if (size(x) > 0) rms = sqrt(dot_product(x, x)/real(size(x), dp))
    end function rms

    !> The increments of a field on all cells of this rank and all levels, zero where no column is.
    subroutine component_unpack(self, f, increment)
        type(component_type), intent(in) :: self
        integer, intent(in) :: f
        real(dp), intent(out) :: increment(self%layout%n_here, self%fields(f)%levels)      !< any rank: a sequence
        integer :: c, k

        increment = 0.0_dp
        do k = 1, size(self%fields(f)%level)
            do c = 1, size(self%local)
                increment(self%local(c), place_of(self%fields(f), k)) = self%fields(f)%increment(k, c)
            end do
        end do
    end subroutine component_unpack

    !> Prior mean and anomalies of every observation: one surface field at a time is gathered and interpolated, so that
    !! a rank holds no more of the ensemble than its own columns.
    subroutine set_priors(self, surface, obs, outside)
        type(component_type), intent(in) :: self
        real(dp), intent(in) :: surface(:, :)
        type(eakf_observations_type), intent(inout) :: obs
        integer, intent(out) :: outside            !< observations without an open cell around them
        type(interpolation_type) :: at(obs%count)
        real(dp) :: whole(self%layout%n_global)
        integer :: f, j, n

        do j = 1, obs%count
            at(j) = interpolation_find(obs%lon(j), obs%lat(j), self%lon, self%lat, self%open, self%polar)
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

        surface_anomaly = 0.0_dp
        surface_anomaly(self%local) = self%fields(f)%anomaly(member, surface_place(self, f), :)
    end function surface_anomaly

    !> Where the surface stands among a field's levels within reach.
    pure integer function surface_place(self, f)
        type(component_type), intent(in) :: self
        integer, intent(in) :: f
        surface_place = 1
        if (.not. self%fields(f)%surface) surface_place = self%surface_level - nint(self%fields(f)%level(1)) + 1
    end function surface_place

    !> The number in the whole field of a level within reach.
    pure integer function place_of(field, k)
        type(eakf_field_type), intent(in) :: field
        integer, intent(in) :: k
        place_of = k
        if (.not. field%surface) place_of = nint(field%level(k))
    end function place_of

    !> A field on levels 1 to nlev, of which those are kept that an observation of the surface reaches.
    type(eakf_field_type) function level_field(name, cap, nlev, surface_level, reach) result(field)
        character(len=*), intent(in) :: name       !< in the ensemble file
        real(dp), intent(in) :: cap                !< largest increment, in the field's unit
        integer, intent(in) :: nlev, surface_level
        real(dp), intent(in) :: reach              !< levels this far from the surface are not reached [levels]
        integer :: k

        field%name = name
        field%cap = cap
        field%levels = nlev
        field%level = pack([(real(k, dp), k=1, nlev)], [(abs(k - surface_level) < reach, k=1, nlev)])
    end function level_field

    !> A field of one number per column, as near to the observations as the surface level.
    type(eakf_field_type) function surface_field(name, cap, surface_level) result(field)
        character(len=*), intent(in) :: name
        real(dp), intent(in) :: cap
        integer, intent(in) :: surface_level

        field%name = name
        field%cap = cap
        field%surface = .true.
        field%level = [real(surface_level, dp)]
    end function surface_field

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
