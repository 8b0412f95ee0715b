!> The two-step ensemble adjustment Kalman filter for one scalar observation after the other
!! (Anderson 2003, Mon. Weather Rev. 131, 634-642), for a model run once beside an ensemble of anomalies.
!!
!! For an observation y of error variance r whose prior has mean hbar and anomalies h_k, k = 1..N, of variance v:
!!
!!     gain = v/(v + r),   mean shift = gain (y - hbar),   shrink = sqrt(r/(v + r)) - 1,
!!     a state point of mean x and anomalies a_k:  b = weight cov(a, h)/v
!!                                                 x <- x + b shift,   a_k <- a_k + b shrink h_k
!!
!! Step one, `eakf_sweep`, does this for the observations themselves: every prior yet to come is a state point too. It
!! needs no state, so every rank repeats it and nothing is communicated. It keeps h_k, shift and shrink of each
!! observation as they stood when its turn came. Step two, `eakf_column`, replays them for one column of the state; the
!! columns are independent, so that the result does not depend on who owns which, and the only working copy of anomalies
!! is one column. Without localization the mean is that of the Kalman filter whose covariance is the ensemble's.
module da_eakf_mod
    use kinds_mod, only: dp
    use da_localization_mod, only: localization_type, unit_vector, chord_squared, great_circle
    use da_connection_mod, only: connection_type
    implicit none
    private

    public :: eakf_sweep, eakf_column

    !> Scalar observations in the order of assimilation, their prior, and what the sweep keeps of each.
    type, public :: eakf_observations_type
        integer :: count = 0, members = 0
        integer, allocatable :: field(:)          !< which field is observed, as the localization numbers them
        real(dp), allocatable :: level(:)         !< level coordinate [levels]
        real(dp), allocatable :: lat(:)           !< [degrees]
        real(dp), allocatable :: position(:, :)   !< (3, count) unit vectors
        integer, allocatable :: cell(:)           !< nearest open cell of the global grid
        real(dp), allocatable :: value(:)         !< y
        real(dp), allocatable :: variance(:)      !< r, of the observation error
        logical, allocatable :: used(:)           !< .false.: rejected
        real(dp), allocatable :: mean(:)          !< hbar; after the sweep as it stood when its turn came
        real(dp), allocatable :: anomaly(:, :)    !< (members, count) h; likewise
        real(dp), allocatable :: prior_variance(:) !< v, of anomaly
        real(dp), allocatable :: mean_shift(:)    !< gain (y - hbar)
        real(dp), allocatable :: shrink(:)        !< sqrt(r/(v + r)) - 1
        real(dp), allocatable :: reach(:)         !< squared chord within which the observation is felt [1]
    contains
        procedure :: init
        procedure :: reject_outliers
    end type eakf_observations_type

    !> Observations near one column, in the order of assimilation.
    type :: near_type
        integer :: count = 0
        integer, allocatable :: number(:)
        real(dp), allocatable :: distance(:)      !< [m]
    end type near_type

    !> One column of the state.
    type, public :: column_type
        real(dp) :: position(3) = 0.0_dp          !< unit vector
        integer :: cell = 0                       !< in the global grid
    end type column_type

    !> The anomalies of one field on many columns, and what the filter adds to the mean.
    type, public :: eakf_field_type
        character(len=8) :: name = ''
        logical :: surface = .false.              !< one number per column, next to the surface
        real(dp) :: cap = huge(1.0_dp)            !< largest size of an increment, in the field's unit
        real(dp), allocatable :: level(:)         !< (nlev) level coordinate [levels]
        real(dp), allocatable :: anomaly(:, :, :) !< (members, nlev, ncolumns)
        real(dp), allocatable :: increment(:, :)  !< (nlev, ncolumns)
    end type eakf_field_type

contains

    !> Room for the observations of one analysis; all used.
    subroutine init(self, members, field, level, lon, lat, value, error)
        class(eakf_observations_type), intent(out) :: self
        integer, intent(in) :: members
        integer, intent(in) :: field(:)
        real(dp), intent(in) :: level(:)          !< [levels]
        real(dp), intent(in) :: lon(:), lat(:)    !< [degrees]
        real(dp), intent(in) :: value(:), error(:) !< error: standard deviation
        integer :: j, n

        n = size(value)
        self%count = n
        self%members = members
        self%field = field
        self%level = level
        self%lat = lat
        self%value = value
        self%variance = error**2
        allocate (self%position(3, n), self%anomaly(members, n))
        allocate (self%cell(n), source=1)
        allocate (self%used(n), source=.true.)
        allocate (self%mean(n), source=0.0_dp)
        allocate (self%prior_variance, self%mean_shift, self%shrink, self%reach, source=self%mean)
        do j = 1, n
            self%position(:, j) = unit_vector(lon(j), lat(j))
        end do
    end subroutine init

    !> Reject what lies more than `limit` standard deviations of the innovation, sqrt(v + r), from the prior mean. The
    !! prior is that before any observation is used, so that the order decides nothing.
    subroutine reject_outliers(self, limit, rejected)
        class(eakf_observations_type), intent(inout) :: self
        real(dp), intent(in) :: limit             !< [1]; zero or less keeps all
        integer, intent(out) :: rejected          !< how many this call rejected
        real(dp) :: v
        integer :: j

        rejected = 0
        if (limit <= 0.0_dp) return
        do j = 1, self%count
            if (.not. self%used(j)) cycle
            v = dot_product(self%anomaly(:, j), self%anomaly(:, j))/real(self%members - 1, dp)
            if ((self%value(j) - self%mean(j))**2 <= limit**2*(v + self%variance(j))) cycle
            self%used(j) = .false.
            rejected = rejected + 1
        end do
    end subroutine reject_outliers

    !> Step one: assimilate the observations into their own priors, in order.
    subroutine eakf_sweep(obs, localization, connection)
        type(eakf_observations_type), intent(inout) :: obs
        type(localization_type), intent(in) :: localization
        type(connection_type), intent(inout) :: connection
        real(dp) :: h(obs%members), v, r, weight, chord2
        integer :: i, j

        do j = 1, obs%count
            if (.not. obs%used(j)) cycle
            h = obs%anomaly(:, j)
            v = dot_product(h, h)/real(obs%members - 1, dp)
            obs%used(j) = v > 0.0_dp
            if (.not. obs%used(j)) cycle
            r = obs%variance(j)
            obs%prior_variance(j) = v
            obs%mean_shift(j) = v/(v + r)*(obs%value(j) - obs%mean(j))
            obs%shrink(j) = sqrt(r/(v + r)) - 1.0_dp
            obs%reach(j) = localization%reach(obs%lat(j))
            call connection%flood(obs%cell(j), obs%reach(j))
            do i = j + 1, obs%count
                chord2 = chord_squared(obs%position(:, i), obs%position(:, j))
                if (chord2 > obs%reach(j) .or. .not. connection%joined(obs%cell(i))) cycle
                weight = localization%horizontal(obs%field(i), obs%lat(j), great_circle(chord2)) &
                    *localization%vertical(obs%level(i) - obs%level(j))
                call regress(weight, h, v, obs%mean_shift(j), obs%shrink(j), obs%mean(i), obs%anomaly(:, i))
            end do
        end do
    end subroutine eakf_sweep

    !> Step two: the increments of all fields on one column.
    subroutine eakf_column(obs, localization, connection, column, number, fields)
        type(eakf_observations_type), intent(in) :: obs    !< after eakf_sweep
        type(localization_type), intent(in) :: localization
        type(connection_type), intent(inout) :: connection
        type(column_type), intent(in) :: column
        integer, intent(in) :: number                      !< of the column in the fields' arrays
        type(eakf_field_type), intent(inout) :: fields(:)  !< numbered as in the localization; increment is set
        type(near_type) :: near
        integer :: f

        near = observations_near(obs, connection, column)
        do f = 1, size(fields)
            fields(f)%increment(:, number) = 0.0_dp
            if (near%count > 0) call update_field(obs, localization, near, f, number, fields(f))
        end do
    end subroutine eakf_column

    function observations_near(obs, connection, column) result(near)
        type(eakf_observations_type), intent(in) :: obs
        type(connection_type), intent(inout) :: connection
        type(column_type), intent(in) :: column
        type(near_type) :: near
        real(dp) :: chord2
        integer :: j

        allocate (near%number(obs%count), near%distance(obs%count))
        do j = 1, obs%count
            if (.not. obs%used(j)) cycle
            chord2 = chord_squared(column%position, obs%position(:, j))
            if (chord2 > obs%reach(j)) cycle
            near%count = near%count + 1
            near%number(near%count) = j
            near%distance(near%count) = great_circle(chord2)
        end do
        if (near%count == 0 .or. connection%everywhere) return
        call connection%flood(column%cell, maxval(obs%reach(near%number(:near%count))))
        call keep_joined(near, obs, connection)
    end function observations_near

    subroutine keep_joined(near, obs, connection)
        type(near_type), intent(inout) :: near
        type(eakf_observations_type), intent(in) :: obs
        type(connection_type), intent(in) :: connection
        integer :: j, kept

        kept = 0
        do j = 1, near%count
            if (.not. connection%joined(obs%cell(near%number(j)))) cycle
            kept = kept + 1
            near%number(kept) = near%number(j)
            near%distance(kept) = near%distance(j)
        end do
        near%count = kept
    end subroutine keep_joined

    !> Replay the observations near one column for one field, on a copy of its anomalies.
    subroutine update_field(obs, localization, near, f, number, field)
        type(eakf_observations_type), intent(in) :: obs
        type(localization_type), intent(in) :: localization
        type(near_type), intent(in) :: near
        integer, intent(in) :: f, number                   !< of the field, of the column
        type(eakf_field_type), intent(inout) :: field
        real(dp) :: anomaly(obs%members, size(field%level))
        real(dp) :: horizontal, weight
        integer :: i, j, k

        anomaly = field%anomaly(:, :, number)
        do i = 1, near%count
            j = near%number(i)
            horizontal = localization%horizontal(f, obs%lat(j), near%distance(i))
            do k = 1, size(field%level)
                weight = horizontal*localization%vertical(field%level(k) - obs%level(j))
                call regress(weight, obs%anomaly(:, j), obs%prior_variance(j), obs%mean_shift(j), obs%shrink(j), &
                    field%increment(k, number), anomaly(:, k))
            end do
        end do
        field%increment(:, number) = max(-field%cap, min(field%cap, field%increment(:, number)))
    end subroutine update_field

    !> The correction of one number's mean and anomalies by one observation.
    pure subroutine regress(weight, h, variance, shift, shrink, mean, anomaly)
        real(dp), intent(in) :: weight                     !< of the localization [1]
        real(dp), intent(in) :: h(:), variance             !< the observation's anomalies (members) and their variance
        real(dp), intent(in) :: shift, shrink              !< gain (y - hbar), sqrt(r/(v + r)) - 1
        real(dp), intent(inout) :: mean
        real(dp), intent(inout) :: anomaly(:)              !< (members)
        real(dp) :: b

        if (weight <= 0.0_dp) return
        b = weight*dot_product(anomaly, h)/(real(size(h) - 1, dp)*variance)
        mean = mean + b*shift
        anomaly = anomaly + b*shrink*h
    end subroutine regress
end module da_eakf_mod
