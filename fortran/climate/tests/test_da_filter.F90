!> The ensemble filter against closed forms: the Kalman filter of one number, the Kalman gain of the ensemble's
!! covariance, the order of observations, the tapers, and the flood that keeps oceans apart.
program test_da_filter
    use kinds_mod, only: dp
    use da_localization_mod, only: localization_type, gaspari_cohn, unit_vector, chord_squared, great_circle
    use da_connection_mod, only: connection_type
    use da_eakf_mod, only: eakf_observations_type, eakf_sweep
    use da_column_mod, only: eakf_field_type, column_type, eakf_columns, cap_increments
    use da_interpolation_mod, only: interpolation_type, interpolation_find, interpolation_apply
    use report_mod, only: report, report_series, report_that, finish
    implicit none

    integer, parameter :: members = 20, nstate = 12, nobs = 6
    real(dp), parameter :: seen = 33.0_dp         ! level, so that its taper crosses from one table of rows to the next

    call test_tapers()
    call test_scalar()
    call test_kalman_gain()
    call test_order()
    call test_posterior_covariance()
    call test_brute_force()
    call test_zero_innovation()
    call test_cap()
    call test_outliers()
    call test_localized()
    call test_connection()
    call test_interpolation()
    call finish()

contains

    !> Values of GC from its definition in exact fractions; distances from spherical geometry.
    subroutine test_tapers()
        type(localization_type) :: tapers
        call report('gaspari_cohn_0', gaspari_cohn(0.0_dp), 1.0_dp, 0.0_dp)
        call report('gaspari_cohn_half', gaspari_cohn(0.5_dp), 263.0_dp/384.0_dp, 1.0e-15_dp)
        call report('gaspari_cohn_1', gaspari_cohn(1.0_dp), 5.0_dp/24.0_dp, 1.0e-15_dp)
        call report('gaspari_cohn_1_continuous', gaspari_cohn(1.0_dp + 1.0e-12_dp), 5.0_dp/24.0_dp, 1.0e-11_dp)
        call report('gaspari_cohn_3_halves', gaspari_cohn(1.5_dp), 19.0_dp/1152.0_dp, 1.0e-14_dp)
        call report('gaspari_cohn_2', gaspari_cohn(2.0_dp), 0.0_dp, 0.0_dp)
        call report('gaspari_cohn_before_2', gaspari_cohn(2.0_dp - 1.0e-9_dp), 0.0_dp, 1.0e-14_dp)
        call report('quarter_circle', great_circle(chord_squared(unit_vector(350.0_dp, 0.0_dp), &
            unit_vector(80.0_dp, 0.0_dp))), 6.371e6_dp*acos(0.0_dp), 1.0e-6_dp)
        call report('one_metre', great_circle(chord_squared(unit_vector(0.0_dp, 0.0_dp), &
            unit_vector(0.0_dp, 45.0_dp/(6.371e6_dp*atan(1.0_dp))))), 1.0_dp, 1.0e-9_dp)
        tapers%radius = [1.0e6_dp, 5.0e5_dp]
        call report('radius_60N', tapers%length(2, 60.0_dp), 2.5e5_dp, 1.0e-6_dp)
        call report('radius_floor', tapers%length(1, -89.0_dp), 2.0e5_dp, 1.0e-6_dp)
        call report('seven_levels', tapers%vertical(7.0_dp), 0.0_dp, 0.0_dp)
    end subroutine test_tapers

    !> One observation of one number: mean and variance are Kalman's, x + P/(P + r) (y - x) and P r/(P + r).
    subroutine test_scalar()
        type(eakf_observations_type) :: obs
        type(connection_type) :: connection
        real(dp) :: anomaly(members, 1), prior, mean, p, r, posterior(members)
        call draw(anomaly, seed=3)
        prior = 4.0_dp
        r = 0.7_dp**2
        p = dot_product(anomaly(:, 1), anomaly(:, 1))/(members - 1)
        call observe(obs, [prior], anomaly, [5.0_dp], [0.7_dp])
        call eakf_sweep(obs, everywhere(1), connection)
        mean = prior + obs%mean_shift(1)
        posterior = anomaly(:, 1)*(1.0_dp + obs%shrink(1))
        call report('scalar_mean', mean, prior + p/(p + r)*(5.0_dp - prior), 1.0e-14_dp)
        call report('scalar_variance', dot_product(posterior, posterior)/(members - 1), p*r/(p + r), 1.0e-14_dp)
        call report('scalar_increment', first_increment([prior], anomaly, [5.0_dp], [0.7_dp], anomaly(:, 1)), &
            p/(p + r)*(5.0_dp - prior), 1.0e-14_dp)
    end subroutine test_scalar

    !> Several observations in turn, no localization: x + P H' (H P H' + R)^-1 (y - H x) with P of the ensemble.
    subroutine test_kalman_gain()
        real(dp) :: state(members, nstate), h(members, nobs), ybar(nobs), y(nobs), error(nobs)
        real(dp) :: ours(nstate), s(nobs, nobs), reference(nstate)
        integer :: i
        call problem(state, h, ybar, y, error)
        call serial_increments(state, h, ybar, y, error, [(i, i=1, nobs)], ours)
        s = matmul(transpose(h), h)/(members - 1)
        do i = 1, nobs
            s(i, i) = s(i, i) + error(i)**2
        end do
        reference = matmul(matmul(transpose(state), h)/(members - 1), solve(s, y - ybar))
        call report('kalman_gain', maxval(abs(ours - reference)), 0.0_dp, 1.0e-10_dp)
        call report_series('kalman_increment', [(real(i, dp), i=1, nstate)], ours, reference)
        call report_that('kalman_gain_moves', maxval(abs(reference)) > 0.1_dp)
    end subroutine test_kalman_gain

    !> Without localization the mean does not depend on the order.
    subroutine test_order()
        real(dp) :: state(members, nstate), h(members, nobs), ybar(nobs), y(nobs), error(nobs)
        real(dp) :: ours(nstate), reversed(nstate)
        integer :: i
        call problem(state, h, ybar, y, error)
        call serial_increments(state, h, ybar, y, error, [(i, i=1, nobs)], ours)
        call serial_increments(state, h, ybar, y, error, [(i, i=nobs, 1, -1)], reversed)
        call report('order_invariance', maxval(abs(ours - reversed)), 0.0_dp, 1.0e-12_dp)
    end subroutine test_order

    !> Anomalies after all observations have the Kalman filter's covariance P - P H' (H P H' + R)^-1 H P: the state is
    !! carried along as observations of so large an error that they change nothing.
    subroutine test_posterior_covariance()
        real(dp) :: state(members, nstate), h(members, nobs), ybar(nobs), y(nobs), error(nobs)
        real(dp) :: s(nobs, nobs), p(nstate, nstate), ph(nstate, nobs), ours(nstate, nstate)
        type(eakf_observations_type) :: obs
        type(connection_type) :: connection
        integer :: i
        call problem(state, h, ybar, y, error)
        call observe(obs, [ybar, spread(0.0_dp, 1, nstate)], reshape([h, state], [members, nobs + nstate]), &
            [y, spread(0.0_dp, 1, nstate)], [error, spread(1.0e12_dp, 1, nstate)])
        call eakf_sweep(obs, everywhere(1), connection)
        ours = matmul(transpose(obs%anomaly(:, nobs + 1:)), obs%anomaly(:, nobs + 1:))/(members - 1)
        s = matmul(transpose(h), h)/(members - 1)
        do i = 1, nobs
            s(i, i) = s(i, i) + error(i)**2
        end do
        p = matmul(transpose(state), state)/(members - 1)
        ph = matmul(transpose(state), h)/(members - 1)
        do i = 1, nstate
            p(:, i) = p(:, i) - matmul(ph, solve(s, ph(i, :)))
        end do
        call report_series('kalman_variance', [(real(i, dp), i=1, nstate)], [(ours(i, i), i=1, nstate)], &
            [(p(i, i), i=1, nstate)])
        call report('posterior_covariance', maxval(abs(ours - p)), 0.0_dp, 1.0e-10_dp)
    end subroutine test_posterior_covariance

    !> Observations and columns all over the sphere, poles and date line included, in boxes and tables, against the
    !! serial filter as the paper has it, which looks at every pair. With localization the order matters; how much is
    !! told.
    subroutine test_brute_force()
        integer, parameter :: n = 400, columns = 150, levels = 37
        type(localization_type) :: tapers
        type(connection_type) :: connection
        type(eakf_observations_type) :: obs
        type(eakf_field_type) :: field(1)
        type(column_type) :: column(columns)
        real(dp) :: lon(n), lat(n), h(members, n), x(members, levels*columns), y(n, 1), reference(levels, columns)
        real(dp) :: reversed(levels, columns)
        integer :: i, k
        lon = [(modulo(222.492_dp*i, 360.0_dp), i=1, n)]
        lat = [(asin(-1.0_dp + 2.0_dp*(i - 1)/(n - 1))*45.0_dp/atan(1.0_dp), i=1, n)]
        call draw(h, seed=11)
        call draw(x, seed=12)
        call draw(y, seed=13)
        tapers%radius = [1.2e6_dp]
        column = [(column_type(unit_vector(modulo(97.3_dp*i, 360.0_dp), &
            -90.0_dp + 180.0_dp*(i - 1)/(columns - 1)), 1), i=1, columns)]
        field(1)%level = [(real(k, dp), k=1, levels)]
        field(1)%anomaly = reshape(x, [members, levels, columns])
        allocate (field(1)%increment(levels, columns), source=0.0_dp)
        call obs%init(members, spread(1, 1, n), spread(seen, 1, n), lon, lat, y(:, 1), spread(0.4_dp, 1, n))
        obs%anomaly = h
        call eakf_sweep(obs, tapers, connection)
        call eakf_columns(obs, tapers, connection, column, field, 1, 1.0_dp)
        call brute_force([(i, i=1, n)], tapers, lon, lat, y, h, x, column, reference)
        call report('boxes_against_all_pairs', maxval(abs(field(1)%increment - reference)), 0.0_dp, 1.0e-13_dp)
        call report_that('boxes_move', maxval(abs(reference)) > 0.1_dp)
        call brute_force([(i, i=n, 1, -1)], tapers, lon, lat, y, h, x, column, reversed)
        print '(a, f6.3)', '# with localization, rms change by reversing the order, over rms increment: ', &
            sqrt(sum((reversed - reference)**2)/sum(reference**2))
    end subroutine test_brute_force

    !> Increments of columns (level, column) by the serial filter that looks at every pair.
    subroutine brute_force(order, tapers, lon, lat, y, h, x, column, increment)
        integer, intent(in) :: order(:)
        type(localization_type), intent(in) :: tapers
        real(dp), intent(in) :: lon(:), lat(:), y(:, :), h(:, :), x(:, :)
        type(column_type), intent(in) :: column(:)
        real(dp), intent(out) :: increment(:, :)
        real(dp) :: a(members, size(increment, 1), size(column)), g(members, size(lon)), mean(size(lon))
        real(dp) :: v, r, shift, shrink, b, position(3)
        integer :: j, m, c, z, n, columns, levels
        n = size(lon)
        columns = size(column)
        levels = size(increment, 1)
        a = reshape(x, [members, levels, columns])
        g = h
        mean = 0.0_dp
        increment = 0.0_dp
        r = 0.4_dp**2
        do m = 1, n
            j = order(m)
            v = sum(g(:, j)**2)/(members - 1)
            shift = v/(v + r)*(y(j, 1) - mean(j))
            shrink = sqrt(r/(v + r)) - 1.0_dp
            position = unit_vector(lon(j), lat(j))
            do c = 1, columns
                do z = 1, levels
                    b = tapers%horizontal(1, lat(j), great_circle(chord_squared(position, column(c)%position))) &
                        *tapers%vertical(z - seen)*sum(a(:, z, c)*g(:, j))/(members - 1)/v
                    increment(z, c) = increment(z, c) + b*shift
                    a(:, z, c) = a(:, z, c) + b*shrink*g(:, j)
                end do
            end do
            do c = n, 1, -1
                if (c == j .or. .not. any(order(m:) == c)) cycle
                b = tapers%horizontal(1, lat(j), great_circle(chord_squared(position, unit_vector(lon(c), lat(c))))) &
                    *sum(g(:, c)*g(:, j))/(members - 1)/v
                mean(c) = mean(c) + b*shift
                g(:, c) = g(:, c) + b*shrink*g(:, j)
            end do
        end do
    end subroutine brute_force

    !> Observations equal to their priors change no bit.
    subroutine test_zero_innovation()
        real(dp) :: state(members, nstate), h(members, nobs), ybar(nobs), y(nobs), error(nobs), ours(nstate)
        integer :: i
        call problem(state, h, ybar, y, error)
        call serial_increments(state, h, ybar, ybar, error, [(i, i=1, nobs)], ours)
        call report('zero_innovation', real(count(ours /= 0.0_dp), dp), 0.0_dp, 0.0_dp)
    end subroutine test_zero_innovation

    subroutine test_cap()
        real(dp) :: anomaly(members, 1), free
        call draw(anomaly, seed=3)
        free = first_increment([0.0_dp], anomaly, [-9.0_dp], [0.1_dp], anomaly(:, 1))
        call report_that('uncapped_below', free < -0.25_dp)
        call report('capped', first_increment([0.0_dp], anomaly, [-9.0_dp], [0.1_dp], anomaly(:, 1), cap=0.25_dp), &
            -0.25_dp, 0.0_dp)
    end subroutine test_cap

    !> Innovations of 2.9 and 3.1 sqrt(v + r): the second alone is rejected at 3.
    subroutine test_outliers()
        type(eakf_observations_type) :: obs
        real(dp) :: anomaly(members, 2), sigma
        integer :: rejected
        call draw(anomaly(:, :1), seed=5)
        anomaly(:, 2) = anomaly(:, 1)
        sigma = sqrt(dot_product(anomaly(:, 1), anomaly(:, 1))/(members - 1) + 0.25_dp)
        call observe(obs, [1.0_dp, 1.0_dp], anomaly, 1.0_dp + sigma*[2.9_dp, -3.1_dp], [0.5_dp, 0.5_dp])
        call obs%reject_outliers(3.0_dp, obs%variances(), rejected)
        call report('outliers_rejected', real(rejected, dp), 1.0_dp, 0.0_dp)
        call report_that('outlier_is_second', obs%used(1) .and. .not. obs%used(2))
    end subroutine test_outliers

    !> One observation, a state point 1000 km east and 3.5 levels up, c = 1000 km: the increment is GC(1)^2 of that
    !! without localization; at 2000 km there is none. A second field of c = 500 km ends at 1000 km.
    subroutine test_localized()
        type(localization_type) :: tapers
        type(eakf_field_type) :: field(2)
        type(eakf_observations_type) :: obs
        type(connection_type) :: connection
        real(dp) :: anomaly(members, 1), lon, full
        call draw(anomaly, seed=3)
        tapers%radius = [1.0e6_dp, 5.0e5_dp]
        lon = 1.0e6_dp/6.371e6_dp*45.0_dp/atan(1.0_dp)
        field(1) = one_field(anomaly(:, 1), level=4.5_dp)
        field(2) = one_field(anomaly(:, 1), level=1.0_dp)
        call observe(obs, [0.0_dp], anomaly, [1.0_dp], [0.5_dp])
        call eakf_sweep(obs, tapers, connection)
        full = obs%mean_shift(1)
        call one_column(obs, tapers, connection, column_type(unit_vector(lon, 0.0_dp), 1), field)
        call report('localized', field(1)%increment(1, 1), full*(5.0_dp/24.0_dp)**2, 1.0e-12_dp)
        call report('beyond_second_reach', field(2)%increment(1, 1), 0.0_dp, 0.0_dp)
        call one_column(obs, tapers, connection, column_type(unit_vector(0.5_dp*lon, 0.0_dp), 1), field)
        call report('localized_second', field(2)%increment(1, 1), full*5.0_dp/24.0_dp, 1.0e-12_dp)
        call one_column(obs, tapers, connection, column_type(unit_vector(1.5_dp*lon, 0.0_dp), 1), field)
        call report('localized_far', field(1)%increment(1, 1), full*19.0_dp/1152.0_dp*5.0_dp/24.0_dp, 1.0e-12_dp)
        call one_column(obs, tapers, connection, column_type(unit_vector(2.001_dp*lon, 0.0_dp), 1), field)
        call report('beyond_reach', field(1)%increment(1, 1), 0.0_dp, 0.0_dp)
    end subroutine test_localized

    !> A wall of land at 90E from 40S to 40N, open in the south: near the wall the other side is reached only by a disc
    !! that holds the way around; and an observation west of it moves the water west of it alone.
    subroutine test_connection()
        integer, parameter :: nlon = 36, nlat = 17
        type(connection_type) :: sea
        type(localization_type) :: tapers
        type(eakf_observations_type) :: obs
        type(eakf_field_type) :: field(1)
        real(dp) :: lon(nlon), lat(nlat), anomaly(members, 1), east
        logical :: wet(nlon, nlat)
        integer :: i, west_cell, east_cell

        lon = [(5.0_dp + 10.0_dp*(i - 1), i=1, nlon)]
        lat = [(-80.0_dp + 10.0_dp*(i - 1), i=1, nlat)]
        wet = .true.
        wet(9, 5:17) = .false.
        call sea%init(lon, lat, wet)
        west_cell = 8 + 8*nlon
        east_cell = 10 + 8*nlon
        call sea%flood(west_cell, chord_squared(unit_vector(0.0_dp, 0.0_dp), unit_vector(35.0_dp, 0.0_dp)))
        call report('wall_separates', merge(1.0_dp, 0.0_dp, sea%joined(east_cell)), 0.0_dp, 0.0_dp)
        call sea%flood(west_cell, chord_squared(unit_vector(0.0_dp, 0.0_dp), unit_vector(80.0_dp, 0.0_dp)))
        call report_that('way_around', sea%joined(east_cell))
        call sea%flood(1 + 8*nlon, chord_squared(unit_vector(0.0_dp, 0.0_dp), unit_vector(15.0_dp, 0.0_dp)))
        call report_that('date_line_open', sea%joined(nlon + 8*nlon))

        call draw(anomaly, seed=3)
        tapers%radius = [2.0e6_dp]
        field(1) = one_field(anomaly(:, 1), level=1.0_dp)
        call observe(obs, [0.0_dp], anomaly, [1.0_dp], [0.5_dp], lon=75.0_dp)
        obs%cell = west_cell
        call eakf_sweep(obs, tapers, sea)
        call one_column(obs, tapers, sea, column_type(unit_vector(95.0_dp, 0.0_dp), east_cell), field)
        east = field(1)%increment(1, 1)
        call one_column(obs, tapers, sea, column_type(unit_vector(65.0_dp, 0.0_dp), west_cell - 1), field)
        call report('increment_behind_wall', east, 0.0_dp, 0.0_dp)
        call report_that('increment_this_side', field(1)%increment(1, 1) > 0.0_dp)
    end subroutine test_connection

    !> Bilinear interpolation is exact for a + b lon + c lat inside a mesh, periodic, and skips land.
    subroutine test_interpolation()
        integer, parameter :: nlon = 12, nlat = 6
        type(interpolation_type) :: at
        real(dp) :: lon(nlon), lat(nlat), field(nlon, nlat)
        logical :: wet(nlon, nlat)
        integer :: i, j
        lon = [(15.0_dp + 30.0_dp*(i - 1), i=1, nlon)]
        lat = [-70.0_dp, -40.0_dp, -15.0_dp, 15.0_dp, 40.0_dp, 70.0_dp]
        wet = .true.
        do j = 1, nlat
            field(:, j) = 2.0_dp + 0.1_dp*lon - 0.3_dp*lat(j)
        end do
        at = interpolation_find(100.0_dp, 33.0_dp, lon, lat, wet, polar=.false.)
        call report('bilinear', interpolation_apply(at, reshape(field, [size(field)])), 2.1_dp, 1.0e-13_dp)
        at = interpolation_find(0.0_dp, 15.0_dp, lon, lat, wet, polar=.false.)
        call report('periodic', interpolation_apply(at, reshape(field, [size(field)])), &
            0.5_dp*(field(1, 4) + field(nlon, 4)), 1.0e-13_dp)
        wet(3, :) = .false.
        at = interpolation_find(100.0_dp, 40.0_dp, lon, lat, wet, polar=.false.)
        call report('beside_land', interpolation_apply(at, reshape(field, [size(field)])), field(4, 5), 1.0e-13_dp)
        call report('nearest_open', real(at%nearest, dp), real(4 + 4*nlon, dp), 0.0_dp)
        at = interpolation_find(75.0_dp, 40.0_dp, lon, lat, wet, polar=.false.)
        call report('on_land', real(at%nearest, dp), 0.0_dp, 0.0_dp)
        at = interpolation_find(10.0_dp, -89.0_dp, lon, lat, wet, polar=.true.)
        call report('polar_row', sum(at%weight), 1.0_dp, 1.0e-15_dp)
    end subroutine test_interpolation

    !> An arbitrary linear problem: random state anomalies, observations of random combinations of them.
    subroutine problem(state, h, ybar, y, error)
        real(dp), intent(out) :: state(members, nstate), h(members, nobs), ybar(nobs), y(nobs), error(nobs)
        real(dp) :: combination(nstate, nobs), innovation(nobs, 1), x(nstate, 1)
        integer :: i
        call draw(state, seed=1)
        call draw(combination, seed=2)
        call draw(innovation, seed=4)
        call draw(x, seed=6)
        h = matmul(state, combination)
        ybar = matmul(x(:, 1), combination)
        y = ybar + 2.0_dp*innovation(:, 1)
        error = [(0.3_dp + 0.2_dp*i, i=1, nobs)]
    end subroutine problem

    !> Increments of the filter without localization, the observations taken in the given order.
    subroutine serial_increments(state, h, ybar, y, error, order, increments)
        real(dp), intent(in) :: state(members, nstate), h(members, nobs), ybar(nobs), y(nobs), error(nobs)
        integer, intent(in) :: order(nobs)
        real(dp), intent(out) :: increments(nstate)
        type(eakf_observations_type) :: obs
        type(connection_type) :: connection
        type(eakf_field_type) :: field(1)
        integer :: n
        call observe(obs, ybar(order), h(:, order), y(order), error(order))
        call eakf_sweep(obs, everywhere(1), connection)
        do n = 1, nstate
            field(1) = one_field(state(:, n), level=1.0_dp)
            call one_column(obs, everywhere(1), connection, column_type(unit_vector(0.0_dp, 0.0_dp), 1), field)
            increments(n) = field(1)%increment(1, 1)
        end do
    end subroutine serial_increments

    !> The increment of one state point.
    real(dp) function first_increment(ybar, h, y, error, anomaly, cap)
        real(dp), intent(in) :: ybar(:), h(:, :), y(:), error(:), anomaly(:)
        real(dp), intent(in), optional :: cap
        type(eakf_observations_type) :: obs
        type(connection_type) :: connection
        type(eakf_field_type) :: field(1)
        call observe(obs, ybar, h, y, error)
        call eakf_sweep(obs, everywhere(1), connection)
        field(1) = one_field(anomaly, level=1.0_dp)
        if (present(cap)) field(1)%cap = cap
        call one_column(obs, everywhere(1), connection, column_type(unit_vector(0.0_dp, 0.0_dp), 1), field)
        first_increment = field(1)%increment(1, 1)
    end function first_increment

    !> Observations of field 1 at level 1 on the equator.
    subroutine observe(obs, prior, anomaly, value, error, lon)
        type(eakf_observations_type), intent(out) :: obs
        real(dp), intent(in) :: prior(:), anomaly(:, :), value(:), error(:)
        real(dp), intent(in), optional :: lon
        real(dp) :: place(size(value)), zero(size(value))
        zero = 0.0_dp
        place = 0.0_dp
        if (present(lon)) place = lon
        call obs%init(members, spread(1, 1, size(value)), zero + 1.0_dp, place, zero, value, error)
        obs%mean = prior
        obs%anomaly = anomaly
    end subroutine observe

    type(eakf_field_type) function one_field(anomaly, level)
        real(dp), intent(in) :: anomaly(members), level
        one_field%name = 'x'
        allocate (one_field%level, source=[level])
        allocate (one_field%anomaly, source=reshape(anomaly, [members, 1, 1]))
        allocate (one_field%increment(1, 1), source=0.0_dp)
    end function one_field

    !> The increments of one column's fields alone.
    subroutine one_column(obs, tapers, connection, column, field)
        type(eakf_observations_type), intent(in) :: obs
        type(localization_type), intent(in) :: tapers
        type(connection_type), intent(inout) :: connection
        type(column_type), intent(in) :: column
        type(eakf_field_type), intent(inout) :: field(:)
        integer :: f, capped
        do f = 1, size(field)
            field(f)%increment = 0.0_dp
        end do
        call eakf_columns(obs, tapers, connection, [column], field, 1, 1.0_dp)
        call cap_increments(field, capped)
    end subroutine one_column

    !> Tapers so wide that they are 1 to rounding at the distances of the tests (zero).
    type(localization_type) function everywhere(fields)
        integer, intent(in) :: fields
        allocate (everywhere%radius(fields), source=1.0e12_dp)
    end function everywhere

    !> Reproducible numbers in (-1, 1) with zero mean over the first dimension.
    subroutine draw(x, seed)
        real(dp), intent(out) :: x(:, :)
        integer, intent(in) :: seed
        integer, allocatable :: state(:)
        integer :: n
        call random_seed(size=n)
        allocate (state(n), source=seed)
        call random_seed(put=state)
        call random_number(x)
        x = 2.0_dp*x - 1.0_dp
        do n = 1, size(x, 2)
            if (size(x, 1) > 1) x(:, n) = x(:, n) - sum(x(:, n))/size(x, 1)
        end do
    end subroutine draw

    !> Gaussian elimination with partial pivoting.
    function solve(matrix, right) result(x)
        real(dp), intent(in) :: matrix(:, :), right(:)
        real(dp) :: x(size(right)), a(size(right), size(right) + 1), row(size(right) + 1)
        integer :: i, j, p, n
        n = size(right)
        a(:, :n) = matrix
        a(:, n + 1) = right
        do i = 1, n
            p = i - 1 + maxloc(abs(a(i:, i)), dim=1)
            row = a(i, :)
            a(i, :) = a(p, :)
            a(p, :) = row
            do j = i + 1, n
                a(j, :) = a(j, :) - a(j, i)/a(i, i)*a(i, :)
            end do
        end do
        do i = n, 1, -1
            x(i) = (a(i, n + 1) - dot_product(a(i, i + 1:n), x(i + 1:n)))/a(i, i)
        end do
    end function solve
end program test_da_filter
