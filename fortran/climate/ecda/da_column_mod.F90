!> Step two of the serial filter (da_eakf_mod): the observations that were swept are replayed for the state's columns.
!!
!! Columns are independent, so that the result does not depend on who owns which, and the only working copy of anomalies
!! is one column. All levels of all fields of a column are rows of one table, `width` of which are worked on together,
!! each with its own weight: the sum over the members runs in the same order as for one row. Neighbouring columns share
!! the observations of their box of the sphere, and look at no others.
module da_column_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use da_localization_mod, only: localization_type, gaspari_cohn, chord_squared, great_circle
    use da_connection_mod, only: connection_type
    use da_bins_mod, only: box_of, box_centre, half_diagonal, sort
    use da_eakf_mod, only: eakf_observations_type
    implicit none
    private

    public :: eakf_columns, cap_increments

    !> Rows worked on together. Sums over members are chains of additions that wait for one another; so many rows are
    !! enough chains side by side to keep the processor busy.
    integer, parameter :: width = 32

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
        integer :: levels = 1                     !< of the whole field
        real(dp), allocatable :: level(:)         !< (nlev) level coordinate of those within reach [levels]
        real(dp), allocatable :: anomaly(:, :, :) !< (members, nlev, ncolumns)
        real(dp), allocatable :: increment(:, :)  !< (nlev, ncolumns)
    end type eakf_field_type

    !> The table of one column, and the observations near it.
    type :: work_type
        integer :: rows = 0
        integer, allocatable :: field(:)          !< (row) whose
        real(dp), allocatable :: level(:)         !< (row) level coordinate [levels]
        real(dp), allocatable :: vertical(:, :)   !< (width, block) taper to the latest observed level [1]
        real(dp), allocatable :: anomaly(:, :, :) !< (width, member, block)
        real(dp), allocatable :: mean(:, :)       !< (width, block) the increment
        integer :: box = 0                        !< whose candidates are here
        integer, allocatable :: candidate(:)      !< observations that may be near, ascending
        integer :: candidates = 0
        integer, allocatable :: number(:)         !< observations near the column, in the order of assimilation
        real(dp), allocatable :: distance(:)      !< to them [m]
        integer :: near = 0
    end type work_type

contains

    !> Add a share of the increments of all fields on all columns.
    subroutine eakf_columns(obs, localization, connection, columns, fields, first, share)
        type(eakf_observations_type), intent(in) :: obs    !< after eakf_sweep
        type(localization_type), intent(in) :: localization
        type(connection_type), intent(inout) :: connection
        type(column_type), intent(in) :: columns(:)        !< in the order of the fields' arrays
        type(eakf_field_type), intent(inout) :: fields(:)  !< numbered as in the localization
        integer, intent(in) :: first                       !< the fields' member that is the observations' first
        real(dp), intent(in) :: share                      !< factor on what is added [1]
        type(work_type) :: work
        integer :: c

        call make_room(work, obs, fields)
        do c = 1, size(columns)
            call look_around(work, obs, connection, columns(c))
            if (work%near == 0) cycle
            call load(work, fields, c, first, obs%members)
            call replay(work, obs, localization, size(fields))
            call unload(work, fields, c, share)
        end do
    end subroutine eakf_columns

    !> Limit every increment to its field's cap.
    subroutine cap_increments(fields, capped)
        type(eakf_field_type), intent(inout) :: fields(:)
        integer, intent(out) :: capped                     !< how many numbers had to be limited
        integer :: f

        capped = 0
        do f = 1, size(fields)
            capped = capped + count(abs(fields(f)%increment) > fields(f)%cap)
            fields(f)%increment = max(-fields(f)%cap, min(fields(f)%cap, fields(f)%increment))
        end do
    end subroutine cap_increments

    subroutine make_room(work, obs, fields)
        type(work_type), intent(out) :: work
        type(eakf_observations_type), intent(in) :: obs
        type(eakf_field_type), intent(in) :: fields(:)
        integer :: f, k, blocks

        work%field = [((f, k=1, size(fields(f)%level)), f=1, size(fields))]
        work%level = [(fields(f)%level, f=1, size(fields))]
        work%rows = size(work%level)
        blocks = (work%rows + width - 1)/width
        allocate (work%vertical(width, blocks), work%mean(width, blocks), work%anomaly(width, obs%members, blocks), &
            source=0.0_dp)
        allocate (work%candidate(obs%count), work%number(obs%count), work%distance(obs%count))
    end subroutine make_room

    !> Find the observations near a column that water joins to it.
    subroutine look_around(work, obs, connection, column)
        type(work_type), intent(inout) :: work
        type(eakf_observations_type), intent(in) :: obs
        type(connection_type), intent(inout) :: connection
        type(column_type), intent(in) :: column
        real(dp) :: chord2, farthest
        integer :: i, j

        call find_candidates(work, obs, column%position)
        work%near = 0
        farthest = 0.0_dp
        do i = 1, work%candidates
            j = work%candidate(i)
            chord2 = chord_squared(column%position, obs%position(:, j))
            if (chord2 > obs%reach(j) .or. .not. obs%used(j)) cycle
            farthest = max(farthest, obs%reach(j))
            work%near = work%near + 1
            work%number(work%near) = j
            work%distance(work%near) = great_circle(chord2)
        end do
        if (work%near == 0 .or. connection%everywhere) return
        call connection%flood(column%cell, farthest)
        call keep_joined(work, obs, connection)
    end subroutine look_around

    !> Observations that may be near any place of the box around a position; nothing to do for the box before.
    subroutine find_candidates(work, obs, position)
        type(work_type), intent(inout) :: work
        type(eakf_observations_type), intent(in) :: obs
        real(dp), intent(in) :: position(3)                !< unit vector
        real(dp) :: centre(2)
        integer :: box

        box = box_of(atan2(position(2), position(1))/degree, asin(max(-1.0_dp, min(1.0_dp, position(3))))/degree)
        if (box == work%box) return
        work%box = box
        centre = box_centre(box)
        call obs%bins%around(centre(1), centre(2), half_diagonal, work%candidate, work%candidates)
        call sort(work%candidate(:work%candidates))
    end subroutine find_candidates

    subroutine keep_joined(work, obs, connection)
        type(work_type), intent(inout) :: work
        type(eakf_observations_type), intent(in) :: obs
        type(connection_type), intent(in) :: connection
        integer :: j, kept

        kept = 0
        do j = 1, work%near
            if (.not. connection%joined(obs%cell(work%number(j)))) cycle
            kept = kept + 1
            work%number(kept) = work%number(j)
            work%distance(kept) = work%distance(j)
        end do
        work%near = kept
    end subroutine keep_joined

    !> Copy a column's anomalies into the table; no increment yet.
    subroutine load(work, fields, c, first, members)
        type(work_type), intent(inout) :: work
        type(eakf_field_type), intent(in) :: fields(:)
        integer, intent(in) :: c, first, members
        integer :: f, k, row

        row = 0
        do f = 1, size(fields)
            do k = 1, size(fields(f)%level)
                work%anomaly(modulo(row, width) + 1, :, row/width + 1) = &
                    fields(f)%anomaly(first:first + members - 1, k, c)
                row = row + 1
            end do
        end do
        work%mean = 0.0_dp
    end subroutine load

    subroutine unload(work, fields, c, share)
        type(work_type), intent(in) :: work
        type(eakf_field_type), intent(inout) :: fields(:)
        integer, intent(in) :: c
        real(dp), intent(in) :: share
        integer :: f, k, row

        row = 0
        do f = 1, size(fields)
            do k = 1, size(fields(f)%level)
                fields(f)%increment(k, c) = fields(f)%increment(k, c) &
                    + share*work%mean(modulo(row, width) + 1, row/width + 1)
                row = row + 1
            end do
        end do
    end subroutine unload

    !> Assimilate the observations near the column, in order, into its table.
    subroutine replay(work, obs, localization, n_fields)
        type(work_type), intent(inout) :: work
        type(eakf_observations_type), intent(in) :: obs
        type(localization_type), intent(in) :: localization
        integer, intent(in) :: n_fields
        real(dp) :: horizontal(n_fields), weight(width), level
        integer :: i, j, block, row, side

        level = -huge(1.0_dp)
        do i = 1, work%near
            j = work%number(i)
            if (obs%level(j) /= level) then
                level = obs%level(j)
                call taper_rows(work, localization, level)
            end if
            horizontal = gaspari_cohn(work%distance(i)/obs%length(:n_fields, j))
            weight = 0.0_dp
            do block = 1, size(work%mean, 2)
                do side = 1, width
                    row = min((block - 1)*width + side, work%rows)
                    weight(side) = horizontal(work%field(row))*work%vertical(side, block)
                end do
                if (all(weight <= 0.0_dp)) cycle
                call regress_rows(weight, obs%anomaly(:, j), obs%prior_variance(j), obs%mean_shift(j), obs%shrink(j), &
                    work%mean(:, block), work%anomaly(:, :, block))
            end do
        end do
    end subroutine replay

    !> Vertical tapers of all rows to an observed level; rows beyond the last have none.
    subroutine taper_rows(work, localization, level)
        type(work_type), intent(inout) :: work
        type(localization_type), intent(in) :: localization
        real(dp), intent(in) :: level
        integer :: row

        do row = 1, work%rows
            work%vertical(modulo(row - 1, width) + 1, (row - 1)/width + 1) = &
                localization%vertical(work%level(row) - level)
        end do
    end subroutine taper_rows

    !> The correction of some rows' means and anomalies by one observation; a weight of zero changes nothing.
    pure subroutine regress_rows(weight, h, variance, shift, shrink, mean, anomaly)
        real(dp), intent(in) :: weight(width)              !< of the localization [1]
        real(dp), intent(in) :: h(:), variance             !< the observation's anomalies (members) and their variance
        real(dp), intent(in) :: shift, shrink              !< gain (y - hbar), sqrt(r/(v + r)) - 1
        real(dp), intent(inout) :: mean(width)
        real(dp), intent(inout) :: anomaly(width, size(h))
        real(dp) :: b(width)
        integer :: n

        b = 0.0_dp
        do n = 1, size(h)
            b = b + anomaly(:, n)*h(n)
        end do
        b = weight*b/(real(size(h) - 1, dp)*variance)
        mean = mean + b*shift
        b = b*shrink
        do n = 1, size(h)
            anomaly(:, n) = anomaly(:, n) + b*h(n)
        end do
    end subroutine regress_rows
end module da_column_mod
