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
!! observation as they stood when its turn came. Step two, `eakf_columns` of da_column_mod, replays them for the columns
!! of the state. Without localization the mean is that of the Kalman filter whose covariance is the ensemble's. Pairs of
!! observations are found through boxes of the sphere (da_bins_mod), so that the cost is linear in their number.
module da_eakf_mod
    use kinds_mod, only: dp
    use da_localization_mod, only: localization_type, gaspari_cohn, unit_vector, chord_squared, great_circle
    use da_connection_mod, only: connection_type
    use da_bins_mod, only: bins_type
    implicit none
    private

    public :: eakf_sweep

    !> Scalar observations in the order of assimilation, their prior, and what the sweep keeps of each.
    type, public :: eakf_observations_type
        integer :: count = 0, members = 0
        integer, allocatable :: field(:)          !< which field is observed, as the localization numbers them
        real(dp), allocatable :: level(:)         !< level coordinate [levels]
        real(dp), allocatable :: lon(:), lat(:)   !< [degrees]
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
        real(dp), allocatable :: length(:, :)     !< (field, count) half-width of the taper around it [m]
        type(bins_type) :: bins                   !< where the observations are
    contains
        procedure :: init
        procedure :: variances
        procedure :: reject_outliers
        procedure, private :: locate
    end type eakf_observations_type

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
        self%lon = lon
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

    !> Variance of every prior.
    pure function variances(self) result(v)
        class(eakf_observations_type), intent(in) :: self
        real(dp) :: v(self%count)
        integer :: j

        do j = 1, self%count
            v(j) = dot_product(self%anomaly(:, j), self%anomaly(:, j))/real(self%members - 1, dp)
        end do
    end function variances

    !> Reject what lies more than `limit` standard deviations of the innovation, sqrt(v + r), from the prior mean. The
    !! prior is that before any observation is used, so that the order decides nothing.
    subroutine reject_outliers(self, limit, v, rejected)
        class(eakf_observations_type), intent(inout) :: self
        real(dp), intent(in) :: limit             !< [1]; zero or less keeps all
        real(dp), intent(in) :: v(:)              !< variance of every prior
        integer, intent(out) :: rejected          !< how many this call rejected
        logical :: outlier(self%count)

        rejected = 0
        if (limit <= 0.0_dp) return
        outlier = self%used .and. .not. (self%value - self%mean)**2 <= limit**2*(v + self%variance)
        rejected = count(outlier)
        self%used = self%used .and. .not. outlier
    end subroutine reject_outliers

    !> How far each observation is felt, and the boxes that find it.
    subroutine locate(self, localization)
        class(eakf_observations_type), intent(inout) :: self
        type(localization_type), intent(in) :: localization
        integer :: f, j

        allocate (self%length(size(localization%radius), self%count))
        do j = 1, self%count
            self%reach(j) = localization%reach(self%lat(j))
            do f = 1, size(localization%radius)
                self%length(f, j) = localization%length(f, self%lat(j))
            end do
        end do
        call self%bins%init(self%lon, self%lat, self%used, self%reach)
    end subroutine locate

    !> Step one: assimilate the observations into their own priors, in order.
    subroutine eakf_sweep(obs, localization, connection)
        type(eakf_observations_type), intent(inout) :: obs
        type(localization_type), intent(in) :: localization
        type(connection_type), intent(inout) :: connection
        real(dp) :: h(obs%members), v, r, weight, chord2
        integer :: near(obs%count)
        integer :: i, j, n, place

        call obs%locate(localization)
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
            call connection%flood(obs%cell(j), obs%reach(j))
            call obs%bins%around(obs%lon(j), obs%lat(j), 0.0_dp, near, n, reach=obs%reach(j))
            do place = 1, n
                i = near(place)
                if (i <= j) cycle
                chord2 = chord_squared(obs%position(:, i), obs%position(:, j))
                if (chord2 > obs%reach(j) .or. .not. connection%joined(obs%cell(i))) cycle
                weight = gaspari_cohn(great_circle(chord2)/obs%length(obs%field(i), j)) &
                    *localization%vertical(obs%level(i) - obs%level(j))
                call regress(weight, h, v, obs%mean_shift(j), obs%shrink(j), obs%mean(i), obs%anomaly(:, i))
            end do
        end do
    end subroutine eakf_sweep

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
