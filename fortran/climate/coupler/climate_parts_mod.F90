!> Every prognostic number of the coupled model in global order on rank 0, independent of the number of ranks: what a
!! restart is made of, in a file or in memory. All routines are collective.
module climate_parts_mod
    use kinds_mod, only: dp, i8
    use status_mod, only: status_type
    use climate_type_mod, only: climate_type
    use atmos_mod, only: atmos_state_size, atmos_pack, atmos_unpack
    use ocean_mod, only: ocean_state_size, ocean_pack, ocean_unpack
    implicit none
    private
    public :: parts_allocate, parts_gather, parts_scatter

    !> Whole on rank 0, of size 0 elsewhere; the last three arrays with the full surface alone.
    type, public :: parts_type
        real(dp), allocatable :: atmos(:), ocean(:)        !< see atmos_pack, ocean_pack
        real(dp), allocatable :: land(:)                   !< temperature [K]
        real(dp), allocatable :: flux(:, :)                !< sums since the last exchange, (exchange cell, flux)
        real(dp), allocatable :: water(:), runoff(:)       !< of the land [kg/m2]
        real(dp), allocatable :: ice(:)                    !< volume per area [m]
        real(dp) :: flux_steps = 0.0_dp                    !< steps in `flux`
        real(dp) :: seconds = 0.0_dp                       !< the ocean's clock
        real(dp) :: ocean_water = 0.0_dp                   !< see climate_type
    end type parts_type

contains

    !> Zeros of the right size.
    subroutine parts_allocate(parts, climate)
        type(parts_type), intent(out) :: parts
        type(climate_type), intent(in) :: climate
        integer :: here, full

        here = merge(1, 0, climate%comm%is_root())
        full = merge(here, 0, climate%full)
        associate (cells => climate%atmos_layout%n_global)
            allocate (parts%atmos(here*atmos_state_size(climate%atmos)), &
                parts%ocean(here*ocean_state_size(climate%ocean)), parts%land(here*cells), &
                parts%flux(here*climate%exchange%layout%n_global, climate%exchange%n_fluxes), parts%water(full*cells), &
                parts%runoff(full*cells), parts%ice(full*climate%ocean%layout%n_global), source=0.0_dp)
        end associate
    end subroutine parts_allocate

    !> The state as it is.
    subroutine parts_gather(parts, climate)
        type(parts_type), intent(out) :: parts
        type(climate_type), intent(in) :: climate
        integer :: f

        call parts_allocate(parts, climate)
        call atmos_pack(climate%atmos, parts%atmos)
        call ocean_pack(climate%ocean, parts%ocean)
        call climate%atmos_layout%gather(climate%land%temperature, parts%land)
        if (climate%full) then
            call climate%atmos_layout%gather(climate%land%water, parts%water)
            call climate%atmos_layout%gather(climate%land%runoff, parts%runoff)
            call climate%ocean%layout%gather(climate%ice%volume, parts%ice)
        end if
        do f = 1, climate%exchange%n_fluxes
            call climate%exchange%layout%gather(climate%exchange%flux_sum(:, f), parts%flux(:, f))
        end do
        parts%flux_steps = real(climate%exchange%steps, dp)
        parts%seconds = real(climate%ocean_seconds, dp)
        parts%ocean_water = climate%ocean_water
    end subroutine parts_gather

    !> Go on from rank 0's parts; what the last interval left for the diagnostics is forgotten.
    subroutine parts_scatter(parts, climate, status)
        type(parts_type), intent(in) :: parts
        type(climate_type), intent(inout) :: climate
        type(status_type), intent(inout) :: status
        real(dp) :: clock(3)
        integer :: f

        clock = [parts%flux_steps, parts%seconds, parts%ocean_water]
        call climate%comm%bcast(clock)
        call atmos_unpack(climate%atmos, parts%atmos, status)
        call climate%comm%agree(status)
        call ocean_unpack(climate%ocean, parts%ocean, status)
        call climate%comm%agree(status)
        if (status%failed()) return
        call climate%atmos_layout%scatter(parts%land, climate%land%temperature)
        if (climate%full) then
            call climate%atmos_layout%scatter(parts%water, climate%land%water)
            call climate%atmos_layout%scatter(parts%runoff, climate%land%runoff)
            call climate%ocean%layout%scatter(parts%ice, climate%ice%volume)
            climate%ocean_water = clock(3)
        end if
        do f = 1, climate%exchange%n_fluxes
            call climate%exchange%layout%scatter(parts%flux(:, f), climate%exchange%flux_sum(:, f))
        end do
        climate%exchange%steps = nint(clock(1))
        climate%ocean_seconds = nint(clock(2), i8)
        climate%ocean_forcing = 0.0_dp
        climate%air_mean = 0.0_dp
        if (allocated(climate%ps_before)) deallocate (climate%ps_before)
    end subroutine parts_scatter
end module climate_parts_mod
