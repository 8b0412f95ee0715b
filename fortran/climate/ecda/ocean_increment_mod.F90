!> Increments of data assimilation. They move the state without a new start: the history of the time stepping follows,
!! the sea surface keeps its mean, and a zero increment changes no bit.
!!
!! The tendency of the last step is moved by G(new state) - G(old state), as if the increment had been there one step
!! ago. The depth mean of the currents is the barotropic mode's, so a current increment reaches it by itself.
module ocean_increment_mod
    use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
    use kinds_mod, only: dp
    use status_mod, only: status_type, status_bad_input
    use ocean_type_mod, only: ocean_type
    use ocean_step_mod, only: update_halos
    use ocean_momentum_mod, only: momentum_tendency
    implicit none
    private
    public :: ocean_add_increment, ocean_add_surface_increment

contains

    !> Add three-dimensional increments given at the T points of the owned block; values on land are ignored.
    !! Collective.
    subroutine ocean_add_increment(self, dt, ds, du, dv, dssh, status)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(in) :: dt(:, :, :)         !< temperature [K] (nx, ny, nlev)
        real(dp), intent(in) :: ds(:, :, :)         !< salinity [g/kg]
        real(dp), intent(in) :: du(:, :, :)         !< eastward current [m/s]
        real(dp), intent(in) :: dv(:, :, :)         !< northward current [m/s]
        real(dp), intent(in) :: dssh(:, :)          !< height of the free surface [m]; its mean is taken out
        type(status_type), intent(inout) :: status
        integer :: k

        if (status%failed()) return
        call expect_finite('ssh', dssh, 1)
        do k = 1, self%nlev
            call expect_finite('temperature', dt(:, :, k), k)
            call expect_finite('salinity', ds(:, :, k), k)
            call expect_finite('u', du(:, :, k), k)
            call expect_finite('v', dv(:, :, k), k)
        end do
        call self%comm%agree(status)
        if (status%failed()) return
        associate (g => self%grid)
            if (self%has_history) call momentum_tendency(self%momentum_work, g, self%config, &
                self%reference, self%pressure, self%t, self%s, self%u, self%v, self%eta, self%gu, self%gv)
            do k = 1, self%nlev
                call add(dt(:, :, k), g%mask_t(1:g%nx, 1:g%ny, k), self%t(1:g%nx, 1:g%ny, k))
                call add(ds(:, :, k), g%mask_t(1:g%nx, 1:g%ny, k), self%s(1:g%nx, 1:g%ny, k))
            end do
            call add_currents(self, du, dv)
            call add(volume_neutral(self, dssh), g%mask_t(1:g%nx, 1:g%ny, 1), self%eta(1:g%nx, 1:g%ny))
            call update_halos(self)
            if (self%has_history) call move_history(self)
        end associate

    contains

        subroutine expect_finite(name, field, level)
            character(len=*), intent(in) :: name
            real(dp), intent(in) :: field(:, :)
            integer, intent(in) :: level
            logical :: bad(size(field, 1), size(field, 2))
            character(len=160) :: text
            integer :: place(2)
            bad = .not. ieee_is_finite(field) .and. self%grid%mask_t(1:self%grid%nx, 1:self%grid%ny, level) > 0.0_dp
            if (.not. any(bad)) return
            place = findloc(bad, .true.)
            write (text, '(3a,f8.2,a,f8.2,a,i0,a)') 'ocean increment of ', name, ' at lat ', &
                self%lat(self%j_first - 1 + place(2)), ', lon ', self%lon(self%i_first - 1 + place(1)), ', level ', &
                level, ' is not a finite number'
            call status%set(status_bad_input, text)
        end subroutine expect_finite
    end subroutine ocean_add_increment

    !> Add increments of the surface: temperature over the mixed layer, currents over `current_depth`, the free surface
    !! as it is. Collective.
    subroutine ocean_add_surface_increment(self, dsst, dssu, dssv, dssh, status)
        type(ocean_type), intent(inout) :: self
        real(dp), intent(in) :: dsst(:, :)          !< [K] (nx, ny)
        real(dp), intent(in) :: dssu(:, :)          !< [m/s]
        real(dp), intent(in) :: dssv(:, :)          !< [m/s]
        real(dp), intent(in) :: dssh(:, :)          !< [m]
        type(status_type), intent(inout) :: status
        real(dp), allocatable, dimension(:, :, :) :: dt, ds, du, dv
        logical :: mixed(self%grid%nx, self%grid%ny)
        real(dp) :: part
        integer :: k

        if (status%failed()) return
        associate (g => self%grid, c => self%config)
            allocate (dt(g%nx, g%ny, g%nk), ds(g%nx, g%ny, g%nk), du(g%nx, g%ny, g%nk), dv(g%nx, g%ny, g%nk), &
                source=0.0_dp)
            mixed = .true.
            do k = 1, g%nk
                part = min(max((c%current_depth - g%floors(k - 1))/g%dz(k), 0.0_dp), 1.0_dp)
                if (k == 1) part = 1.0_dp
                du(:, :, k) = part*dssu
                dv(:, :, k) = part*dssv
                if (k > 1) mixed = mixed .and. g%z(k) <= c%mixed_layer_cap .and. &
                    abs(self%t(1:g%nx, 1:g%ny, k) - self%t(1:g%nx, 1:g%ny, 1)) < c%mixed_layer_contrast
                where (mixed) dt(:, :, k) = dsst
            end do
        end associate
        call ocean_add_increment(self, dt, ds, du, dv, dssh, status)
    end subroutine ocean_add_surface_increment

    !> x + dx where there is something to add: adding 0 could still turn -0 into +0.
    elemental subroutine add(dx, mask, x)
        real(dp), intent(in) :: dx, mask
        real(dp), intent(inout) :: x
        if (mask > 0.0_dp .and. dx /= 0.0_dp) x = x + dx
    end subroutine add

    !> Currents from T points to the velocity points, the mean of the four cells around.
    subroutine add_currents(o, du, dv)
        type(ocean_type), intent(inout) :: o
        real(dp), intent(in), dimension(:, :, :) :: du, dv
        integer :: i, j, k

        ! t_new, s_new are free between steps: they hold the increments with a halo.
        associate (g => o%grid, x => o%t_new, y => o%s_new)
            do k = 1, g%nk
                do j = 1, g%ny
                    do i = 1, g%nx
                        x(i, j, k) = merge(du(i, j, k), 0.0_dp, g%mask_t(i, j, k) > 0.0_dp)
                        y(i, j, k) = merge(dv(i, j, k), 0.0_dp, g%mask_t(i, j, k) > 0.0_dp)
                    end do
                end do
            end do
            call o%halo%update(1, g%nk, x, y)
            do k = 1, g%nk
                do j = 1, g%ny
                    do i = 1, g%nx
                        call add(0.25_dp*((x(i, j, k) + x(i + 1, j, k)) + (x(i, j + 1, k) + x(i + 1, j + 1, k))), &
                            g%mask_u(i, j, k), o%u(i, j, k))
                        call add(0.25_dp*((y(i, j, k) + y(i + 1, j, k)) + (y(i, j + 1, k) + y(i + 1, j + 1, k))), &
                            g%mask_u(i, j, k), o%v(i, j, k))
                    end do
                end do
            end do
        end associate
    end subroutine add_currents

    !> The increment of the free surface without its mean over the wet cells, summed in global order.
    function volume_neutral(o, dssh) result(neutral)
        type(ocean_type), intent(in) :: o
        real(dp), intent(in) :: dssh(:, :)
        real(dp) :: neutral(o%grid%nx, o%grid%ny)
        real(dp) :: whole(o%nlon, o%nlat), volume, area
        integer :: i, j

        neutral = merge(dssh, 0.0_dp, o%grid%mask_t(1:o%grid%nx, 1:o%grid%ny, 1) > 0.0_dp)
        call o%layout%gather_to_all(neutral, whole)
        volume = 0.0_dp
        area = 0.0_dp
        do j = 1, o%nlat
            do i = 1, o%nlon
                if (.not. o%wet(i, j)) cycle
                volume = volume + whole(i, j)*o%grid%area(j)
                area = area + o%grid%area(j)
            end do
        end do
        neutral = neutral - volume/area
    end function volume_neutral

    !> Let the stored tendency follow the increment; o%gu, o%gv hold the tendency before it.
    subroutine move_history(o)
        type(ocean_type), intent(inout) :: o
        integer :: i, j, k

        ! The space of the new tracers takes the tendency after the increment.
        associate (g => o%grid)
            o%t_new = 0.0_dp
            o%s_new = 0.0_dp
            call momentum_tendency(o%momentum_work, g, o%config, o%reference, o%pressure, o%t, o%s, o%u, o%v, o%eta, &
                o%t_new, o%s_new)
            do k = 1, g%nk
                do j = 1, g%ny
                    do i = 1, g%nx
                        call add(o%t_new(i, j, k) - o%gu(i, j, k), g%mask_u(i, j, k), o%gu_old(i, j, k))
                        call add(o%s_new(i, j, k) - o%gv(i, j, k), g%mask_u(i, j, k), o%gv_old(i, j, k))
                    end do
                end do
            end do
        end associate
    end subroutine move_history
end module ocean_increment_mod
