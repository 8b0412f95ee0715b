!> Cost of the filter at paper size: 10,000 observations of SST on an ocean of 360 x 200 x 50 cells and 10,000 of
!! surface pressure on an atmosphere of 144 x 96 x 24, 20 members, default tapers. CPU seconds of the busiest rank
!! (waiting for a message counts as work, so ratios are gated on one rank alone), the growth of the cost with the number
!! of observations and of members, and what a rank holds in memory.
program test_mpi_da_paper_long
    use report_mod, only: report_judged, finish
    use mpi_f08, only: MPI_Init, MPI_Finalize, MPI_COMM_WORLD
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use status_mod, only: status_type
    use comm_mod, only: comm_type
    use da_component_mod, only: component_type, tally_type, group_type, component_init, component_analyse, &
        level_field, surface_field
    implicit none

    integer, parameter :: many = 10000, members = 20
    real(dp), parameter :: allowed = 5.0_dp       ! [s]
    type(comm_type) :: world
    type(status_type) :: status
    type(component_type) :: ocean, atmos
    real(dp) :: whole, half, fewer

    call MPI_Init()
    call world%init(MPI_COMM_WORLD%mpi_val)
    call make(ocean, 360, 200, 50, -78.0_dp, 1, members)
    whole = seconds(ocean, many)
    half = seconds(ocean, many/2)
    call report('ocean_cpu_seconds', whole, allowed, gate=world%size <= 2)
    call report('ocean_cost_of_twice_the_observations', whole/half, 2.6_dp, gate=world%size == 1)
    call report('ocean_anomalies_megabytes', megabytes(ocean), 200.0_dp/world%size, gate=.true.)
    call make(ocean, 360, 200, 50, -78.0_dp, 1, members/2)
    fewer = seconds(ocean, many)
    call report('ocean_cost_of_twice_the_members', whole/fewer, 2.6_dp, gate=world%size == 1)
    call report('rank_megabytes_at_most', peak_megabytes(), 1000.0_dp, gate=.true.)
    call make(atmos, 144, 96, 24, -89.0_dp, 24, members)
    call report('atmosphere_cpu_seconds', seconds(atmos, many), allowed, gate=world%size <= 2)
    call report('status', real(status%code, dp), 0.0_dp, gate=.true.)
    call MPI_Finalize()
    call finish()

contains

    !> One row; the busiest rank's figure.
    subroutine report(test, ours, limit, gate)
        character(len=*), intent(in) :: test
        real(dp), intent(in) :: ours, limit
        logical, intent(in) :: gate               !< a figure beyond the limit is a failure
        real(dp) :: all_ours(world%size)
        call world%allgatherv([ours], spread(1, 1, world%size), all_ours)
        call report_judged(test, maxval(all_ours), limit, maxval(all_ours) <= limit .or. .not. gate)
    end subroutine report

    !> A component with continents (none in the atmosphere), bands of rows per rank, and smooth anomalies.
    subroutine make(component, nlon, nlat, nlev, south, surface_level, n_members)
        type(component_type), intent(out) :: component
        integer, intent(in) :: nlon, nlat, nlev, surface_level, n_members
        real(dp), intent(in) :: south             !< southernmost row [degrees]
        real(dp) :: lon(nlon), lat(nlat)
        logical :: wet(nlon, nlat)
        integer :: i, j, f, first, last

        lon = [(360.0_dp*(i - 0.5_dp)/nlon, i=1, nlon)]
        lat = [(south + (-2.0_dp*south)*(j - 1)/(nlat - 1), j=1, nlat)]
        do j = 1, nlat
            wet(:, j) = nlev == 24 .or. sin(2.0_dp*lon*degree) + 0.6_dp*sin(3.0_dp*lat(j)*degree + lon*degree) < 0.8_dp
        end do
        first = (nlat*world%rank)/world%size*nlon + 1
        last = (nlat*(world%rank + 1))/world%size*nlon
        call component_init(component, world, lon, lat, wet, [(i, i=first, last)], surface_level, status)
        if (nlev == 24) then
            component%fields = [surface_field('ps', 1.0e3_dp, nlev), level_field('t', 5.0_dp, nlev, nlev, 7.0_dp), &
                level_field('u', 10.0_dp, nlev, nlev, 7.0_dp), level_field('v', 10.0_dp, nlev, nlev, 7.0_dp)]
            component%localization%radius = spread(1.0e6_dp, 1, 4)
        else
            component%fields = [level_field('temp', 1.0_dp, nlev, 1, 7.0_dp), &
                level_field('salt', 0.3_dp, nlev, 1, 7.0_dp)]
            component%localization%radius = [1.0e6_dp, 5.0e5_dp]
        end if
        component%members = n_members
        component%groups = [group_type(1, n_members, 1.0_dp)]
        do f = 1, size(component%fields)
            call fill(component, f)
        end do
    end subroutine make

    subroutine fill(component, f)
        type(component_type), intent(inout) :: component
        integer, intent(in) :: f
        integer :: c, k, n

        associate (field => component%fields(f))
            allocate (field%anomaly(component%members, size(field%level), size(component%local)))
            allocate (field%increment(size(field%level), size(component%local)))
            do c = 1, size(component%local)
                do k = 1, size(field%level)
                    do n = 1, component%members
                        field%anomaly(n, k, c) = sin(n*component%column(c)%position(1)*7.0_dp + 1.3_dp*n**2 &
                            + 0.1_dp*k) + cos(n*component%column(c)%position(3)*5.0_dp + 0.7_dp*f*n)
                    end do
                    field%anomaly(:, k, c) = field%anomaly(:, k, c) - sum(field%anomaly(:, k, c))/component%members
                end do
            end do
        end associate
    end subroutine fill

    !> CPU time of one analysis of evenly spread observations on this rank [s].
    real(dp) function seconds(component, n)
        type(component_type), intent(inout) :: component
        integer, intent(in) :: n
        real(dp) :: lon(2*n), lat(2*n), surface(component%layout%n_here, 4), begun, ended
        type(tally_type) :: tally
        integer :: i, kept

        kept = 0
        do i = 1, 2*n
            if (kept == n) exit
            lon(kept + 1) = modulo(222.492_dp*i, 360.0_dp)
            lat(kept + 1) = asin(-0.97_dp + 1.94_dp*(i - 0.5_dp)/(1.6_dp*n))/degree
            if (lat(kept + 1) /= lat(kept + 1)) exit
            if (all(component%open) .or. sea(component, lon(kept + 1), lat(kept + 1))) kept = kept + 1
        end do
        surface = 0.0_dp
        call world%barrier()
        call cpu_time(begun)
        call component_analyse(component, spread(1, 1, kept), surface, lon(:kept), lat(:kept), &
            [(sin(1.7_dp*i), i=1, kept)], spread(0.5_dp, 1, kept), tally, status)
        call cpu_time(ended)
        seconds = (ended - begun)*real(n, dp)/max(1, kept)
        if (world%is_root()) print '(a, 3(1x, i0), 1x, f0.3)', '# observations, used, columns of rank 0, increment:', &
            kept, tally%used, size(component%column), tally%increment
    end function seconds

    logical function sea(component, lon, lat)
        type(component_type), intent(in) :: component
        real(dp), intent(in) :: lon, lat          !< [degrees]
        sea = component%open(minloc(abs(component%lon - lon), dim=1), minloc(abs(component%lat - lat), dim=1))
    end function sea

    real(dp) function megabytes(component)
        type(component_type), intent(in) :: component
        integer :: f
        megabytes = 0.0_dp
        do f = 1, size(component%fields)
            megabytes = megabytes + 8.0e-6_dp*size(component%fields(f)%anomaly)
        end do
    end function megabytes

    !> Largest resident memory of this process so far, as Linux has it; 0 elsewhere.
    real(dp) function peak_megabytes()
        character(len=80) :: line
        integer :: unit, code, kilobytes
        peak_megabytes = 0.0_dp
        open (newunit=unit, file='/proc/self/status', action='read', status='old', iostat=code)
        do while (code == 0)
            read (unit, '(a)', iostat=code) line
            if (code /= 0) exit
            if (index(line, 'VmHWM:') /= 1) cycle
            read (line(7:), *) kilobytes
            peak_megabytes = 1.0e-3_dp*kilobytes
        end do
        if (peak_megabytes > 0.0_dp) close (unit)
    end function peak_megabytes
end program test_mpi_da_paper_long
