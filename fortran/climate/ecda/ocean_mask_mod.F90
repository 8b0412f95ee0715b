!> From a land-sea mask and a depth to the number of levels of every column, as the B-grid can use them.
!!
!! A velocity point is wet where its four T cells are, so a T cell without any wet corner is cut off from all currents:
!! at the surface it becomes land, at depth it is filled. Basins of a few cells become land. The southernmost and
!! northernmost row are land.
module ocean_mask_mod
    use kinds_mod, only: dp
    implicit none
    private
    public :: column_levels, corner_levels

contains

    !> Number of levels of every T column, 0 on land.
    subroutine column_levels(mask, depth, floors, min_levels, min_basin, levels)
        integer, intent(in) :: mask(:, :)        !< 1 = sea (nlon, nlat)
        real(dp), intent(in) :: depth(:, :)      !< [m] (nlon, nlat)
        real(dp), intent(in) :: floors(0:)       !< depth of the surface and of the floor of every level [m]
        integer, intent(in) :: min_levels, min_basin
        integer, intent(out) :: levels(:, :)
        integer :: i, j

        levels = 0
        do j = 2, size(mask, 2) - 1
            do i = 1, size(mask, 1)
                if (mask(i, j) /= 1) cycle
                levels(i, j) = max(minloc(abs(floors - depth(i, j)), dim=1) - 1, min(min_levels, ubound(floors, 1)))
            end do
        end do
        call fill_holes(levels)
        call drop_small_basins(levels, min_basin)
    end subroutine column_levels

    !> Levels of the velocity points at the north-eastern corners of the T cells: the shallowest of the four cells.
    subroutine corner_levels(levels, corners)
        integer, intent(in) :: levels(:, :)
        integer, intent(out) :: corners(:, :)
        integer :: i, j, east, nlon

        nlon = size(levels, 1)
        corners = 0
        do j = 1, size(levels, 2) - 1
            do i = 1, nlon
                east = mod(i, nlon) + 1
                corners(i, j) = min(levels(i, j), levels(east, j), levels(i, j + 1), levels(east, j + 1))
            end do
        end do
    end subroutine corner_levels

    !> Make no column deeper than the deepest of its four corners; repeated until nothing changes.
    subroutine fill_holes(levels)
        integer, intent(inout) :: levels(:, :)
        integer :: corners(size(levels, 1), size(levels, 2))
        integer :: i, j, west, nlon, deepest
        logical :: changed

        nlon = size(levels, 1)
        do
            changed = .false.
            call corner_levels(levels, corners)
            do j = 2, size(levels, 2) - 1
                do i = 1, nlon
                    west = modulo(i - 2, nlon) + 1
                    deepest = max(corners(i, j), corners(west, j), corners(i, j - 1), corners(west, j - 1))
                    if (levels(i, j) <= deepest) cycle
                    levels(i, j) = deepest
                    changed = .true.
                end do
            end do
            if (.not. changed) return
        end do
    end subroutine fill_holes

    !> Turn basins of fewer than min_basin cells, joined through wet corners, into land.
    subroutine drop_small_basins(levels, min_basin)
        integer, intent(inout) :: levels(:, :)
        integer, intent(in) :: min_basin
        integer :: corners(size(levels, 1), size(levels, 2)), stack(2, size(levels))
        logical :: seen(size(levels, 1), size(levels, 2))
        integer :: i, j, count, done

        call corner_levels(levels, corners)
        seen = levels == 0
        do j = 2, size(levels, 2) - 1
            do i = 1, size(levels, 1)
                if (seen(i, j)) cycle
                count = 1
                done = 0
                stack(:, 1) = [i, j]
                seen(i, j) = .true.
                do while (done < count)
                    done = done + 1
                    call visit_neighbours(stack(1, done), stack(2, done))
                end do
                if (count >= min_basin) cycle
                do done = 1, count
                    levels(stack(1, done), stack(2, done)) = 0
                end do
            end do
        end do

    contains

        !> Put the unseen cells around every wet corner of (ic, jc) on the stack.
        subroutine visit_neighbours(ic, jc)
            integer, intent(in) :: ic, jc
            integer :: di, dj, ei, ej, iu, it
            do dj = -1, 0
                do di = -1, 0
                    iu = modulo(ic + di - 1, size(levels, 1)) + 1
                    if (corners(iu, jc + dj) == 0) cycle
                    do ej = 0, 1
                        do ei = 0, 1
                            it = modulo(iu + ei - 1, size(levels, 1)) + 1
                            if (seen(it, jc + dj + ej)) cycle
                            seen(it, jc + dj + ej) = .true.
                            count = count + 1
                            stack(:, count) = [it, jc + dj + ej]
                        end do
                    end do
                end do
            end do
        end subroutine visit_neighbours
    end subroutine drop_small_basins
end module ocean_mask_mod
