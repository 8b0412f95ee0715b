!> A restart in memory: the whole state as one vector on rank 0, to which the model can be set back at any time.
!! All routines are collective.
module climate_memory_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use climate_type_mod, only: climate_type
    use atmos_mod, only: atmos_state_size
    use ocean_mod, only: ocean_state_size
    use climate_parts_mod, only: parts_type, parts_allocate, parts_gather, parts_scatter
    implicit none
    private
    public :: climate_memory_size, climate_get_memory, climate_set_memory

contains

    !> Length of the vector, on every rank.
    integer function climate_memory_size(self)
        type(climate_type), intent(in) :: self

        associate (air => self%atmos_layout%n_global, sea => self%ocean%layout%n_global)
            climate_memory_size = atmos_state_size(self%atmos) + ocean_state_size(self%ocean) + air &
                + self%exchange%layout%n_global*self%exchange%n_fluxes + merge(2*air + sea, 0, self%full) + 3
        end associate
    end function climate_memory_size

    !> Refused while increments of the filter wait for their steps: the vector would not hold them.
    subroutine climate_get_memory(self, x, status)
        type(climate_type), intent(in) :: self
        real(dp), intent(inout) :: x(:)             !< (climate_memory_size) on rank 0; elsewhere it is left alone
        type(status_type), intent(inout) :: status
        type(parts_type) :: parts

        if (self%atmos_pending%steps + self%ocean_pending%steps > 0) call status%set(status_bad_input, &
            'a state in memory holds no increments that wait for their steps; write a restart, or update_hours_* = 0')
        call check_length(self, size(x), status)
        if (status%failed()) return
        call parts_gather(parts, self)
        if (self%comm%is_root()) x = flat(parts)
    end subroutine climate_get_memory

    subroutine climate_set_memory(self, x, status)
        type(climate_type), intent(inout) :: self
        real(dp), intent(in) :: x(:)                !< of climate_get_memory, on rank 0
        type(status_type), intent(inout) :: status
        type(parts_type) :: parts
        integer :: place

        call check_length(self, size(x), status)
        if (status%failed()) return
        call parts_allocate(parts, self)
        if (self%comm%is_root()) then
            place = 0
            call next(parts%atmos)
            call next(parts%ocean)
            call next(parts%land)
            parts%flux = reshape(x(place + 1:place + size(parts%flux)), shape(parts%flux))
            place = place + size(parts%flux)
            call next(parts%water)
            call next(parts%runoff)
            call next(parts%ice)
            parts%flux_steps = x(place + 1)
            parts%seconds = x(place + 2)
            parts%ocean_water = x(place + 3)
        end if
        call parts_scatter(parts, self, status)
        self%atmos_pending%steps = 0
        self%ocean_pending%steps = 0
    contains
        subroutine next(part)
            real(dp), intent(inout) :: part(:)
            part = x(place + 1:place + size(part))
            place = place + size(part)
        end subroutine next
    end subroutine climate_set_memory

    !> All parts, one after the other.
    pure function flat(parts)
        type(parts_type), intent(in) :: parts
        real(dp), allocatable :: flat(:)
        flat = [parts%atmos, parts%ocean, parts%land, reshape(parts%flux, [size(parts%flux)]), parts%water, &
            parts%runoff, parts%ice, parts%flux_steps, parts%seconds, parts%ocean_water]
    end function flat

    !> The vector of rank 0 has to fit; an error of rank 0 is everyone's.
    subroutine check_length(self, found, status)
        type(climate_type), intent(in) :: self
        integer, intent(in) :: found
        type(status_type), intent(inout) :: status
        character(len=120) :: text
        integer :: expected

        expected = climate_memory_size(self)
        if (self%comm%is_root() .and. found /= expected) then
            write (text, '(a, i0, a, i0)') 'a state in memory has ', expected, ' numbers, given: ', found
            call status%set(status_bad_input, trim(text))
        end if
        call self%comm%agree(status)
    end subroutine check_length
end module climate_memory_mod
