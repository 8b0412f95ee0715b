!> Increments that wait to be added, in a restart: `<component>_pending (row, cell)` on the whole grid and the number of
!! steps they are still spread over. A file without them says that there are none.
module climate_pending_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type
    use netcdf_io_mod, only: netcdf_file_type
    use layout_mod, only: layout_type
    use da_pending_mod, only: pending_type
    implicit none
    private

    public :: pending_write, pending_read

contains

    !> Collective; the file is open on rank 0.
    subroutine pending_write(file, component, layout, pending, status)
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: component
        type(layout_type), intent(in) :: layout
        type(pending_type), intent(in) :: pending
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: whole(:, :)
        integer :: k

        if (pending%steps == 0) return
        allocate (whole(merge(layout%n_global, 0, layout%comm%is_root()), size(pending%left, 2)))
        do k = 1, size(whole, 2)
            call layout%gather(pending%left(:, k), whole(:, k))
        end do
        if (.not. layout%comm%is_root()) return
        call file%write(component//'_pending', [component//'_cells', component//'_rows '], shape(whole), whole, &
            'Pa, K, g kg-1, m s-1', status)
        call file%write_attribute(component//'_pending_steps', real(pending%steps, dp), status)
    end subroutine pending_write

    !> Collective; the file is open on rank 0. `interval` is not in the file.
    subroutine pending_read(file, component, layout, rows, pending, status)
        type(netcdf_file_type), intent(in) :: file
        character(len=*), intent(in) :: component
        type(layout_type), intent(in) :: layout
        integer, intent(in) :: rows                !< of this configuration
        type(pending_type), intent(inout) :: pending
        type(status_type), intent(inout) :: status
        real(dp), allocatable :: whole(:, :)
        real(dp) :: steps(1)
        integer :: k

        steps = 0.0_dp
        allocate (whole(merge(layout%n_global, 0, layout%comm%is_root()), rows))
        if (layout%comm%is_root() .and. .not. status%failed()) then
            if (file%has_variable(component//'_pending')) then
                call file%read(component//'_pending', shape(whole), whole, status)
                call file%read_attribute(component//'_pending_steps', steps(1), status)
            end if
        end if
        call layout%comm%agree(status)
        if (status%failed()) return
        call layout%comm%bcast(steps)
        pending%steps = nint(steps(1))
        if (pending%steps == 0) return
        if (allocated(pending%left)) deallocate (pending%left)
        allocate (pending%left(layout%n_here, rows))
        do k = 1, rows
            call layout%scatter(whole(:, k), pending%left(:, k))
        end do
    end subroutine pending_read
end module climate_pending_mod
