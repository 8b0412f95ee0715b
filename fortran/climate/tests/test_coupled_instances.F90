!> Two coupled models of different equations in one process, stepped in turn: each ends with the bytes it has when it is
!! alone.
program test_coupled_instances
    use kinds_mod, only: dp
    use comm_mod, only: comm_type
    use status_mod, only: status_type
    use climate_mod, only: climate_type, climate_init
    use coupled_cases_mod, only: continents, write_grid, write_namelist, remove_files, advance, state_of
    use report_mod, only: report_bytes, report_that, expect_well, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_SELF
    implicit none

    character(len=*), parameter :: prefix = 'test_instances_'
    integer, parameter :: intervals = 12
    type(comm_type) :: comm
    real(dp), allocatable :: moist_alone(:), dry_alone(:), moist_beside(:), dry_beside(:)

    call MPI_Init()
    call comm%init(MPI_COMM_SELF%mpi_val)
    call write_grid(prefix//'grid.nc', continents())
    call write_namelist(prefix//'moist.nml', prefix//'grid.nc', " surface = 'full'", " forcing = 'moist'", '')
    call write_namelist(prefix//'dry.nml', prefix//'grid.nc', '', '', '&ocean_nml tracer_diffusivity = 2.0e3 /')
    call alone('moist.nml', moist_alone)
    call alone('dry.nml', dry_alone)
    call side_by_side()
    call report_bytes('moist_beside_dry', moist_beside, moist_alone)
    call report_bytes('dry_beside_moist', dry_beside, dry_alone)
    call report_that('they_differ', any(abs(moist_alone(:100) - dry_alone(:100)) > 0.0_dp))
    call remove_files(prefix, [character(len=9) :: 'grid.nc', 'moist.nml', 'dry.nml'])
    call MPI_Finalize()
    call finish()

contains

    subroutine start(self, name)
        type(climate_type), intent(inout) :: self
        character(len=*), intent(in) :: name
        type(status_type) :: status
        call climate_init(self, comm, prefix//name, status)
        call expect_well(status)
    end subroutine start

    subroutine alone(name, state)
        character(len=*), intent(in) :: name
        real(dp), allocatable, intent(out) :: state(:)
        type(climate_type) :: model
        call start(model, name)
        call advance(model, intervals)
        state = state_of(model)
    end subroutine alone

    subroutine side_by_side()
        type(climate_type) :: moist, dry, idle
        integer :: n
        call start(moist, 'moist.nml')
        call start(dry, 'dry.nml')
        do n = 1, intervals
            call advance(moist, 1)
            call advance(dry, 1)
            if (n == intervals/2) call start(idle, 'moist.nml')
        end do
        moist_beside = state_of(moist)
        dry_beside = state_of(dry)
    end subroutine side_by_side
end program test_coupled_instances
