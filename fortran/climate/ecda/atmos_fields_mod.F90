!> Between the spectral state and fields on the own rows.
module atmos_fields_mod
    use kinds_mod, only: dp
    use constants_mod, only: gravity
    use status_mod, only: status_type, status_bad_input
    use atmos_type_mod, only: atmos_type
    use atmos_surface_mod, only: surface_air_type
    use atmos_mass_mod, only: mean_surface_pressure
    use atmos_operators_mod, only: winds_from_vorticity, curl_and_divergence
    implicit none
    private

    public :: atmos_surface, atmos_fields, atmos_set_fields, atmos_add_increment, atmos_add_surface_increment, &
        atmos_surface_height

    interface atmos_surface
        module procedure surface_dry, surface_air
    end interface atmos_surface

    real(dp), parameter :: spread_depth = 0.1_dp  !< e-folding depth in sigma of a surface increment

contains

    !> Lowest level on the own rows, (nlon, nrows). Collective.
    subroutine surface_dry(self, ps, ta, ua, va)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(out) :: ps(:, :)                          !< [Pa]
        real(dp), intent(out) :: ta(:, :)                          !< [K]
        real(dp), intent(out) :: ua(:, :), va(:, :)                !< [m/s]
        real(dp), dimension(size(ps, 1), size(ps, 2), 1) :: u, v, t

        call levels_to_grid(self, self%nlev, u, v, t, ps)
        ua = u(:, :, 1)
        va = v(:, :, 1)
        ta = t(:, :, 1)
    end subroutine surface_dry

    !> What the surfaces see before the coming step: the lowest level, the short wave of that step and the long wave of
    !! the present profile; a dry atmosphere has q and radiation 0. Collective.
    subroutine surface_air(self, air)
        type(atmos_type), intent(inout) :: self
        type(surface_air_type), intent(inout) :: air               !< (nlon, nrows) on the own rows
        real(dp), allocatable :: c(:, :, :), grid(:, :, :), wind(:, :, :, :)
        real(dp) :: cos_lat
        integer :: k, pair, side, row

        if (self%dynamics%nq == 0) then
            call surface_dry(self, air%ps, air%t, air%u, air%v)
            air%q = 0.0_dp
            air%sw_down = 0.0_dp
            air%lw_down = 0.0_dp
            return
        end if
        k = self%nlev
        associate (tr => self%dynamics%transform, layout => self%dynamics%transform%layout, x => self%x)
            allocate(c(k + 4, 2, layout%ns), grid(self%nlon, k + 4, 2), wind(1, 2, layout%ns, 2))
            call winds_from_vorticity(layout, x(k:k, :, :), x(2*k:2*k, :, :), wind(:, :, :, 1), wind(:, :, :, 2))
            c(1, :, :) = wind(1, :, :, 1)
            c(2, :, :) = wind(1, :, :, 2)
            c(3:k + 3, :, :) = x(2*k + 1:3*k + 1, :, :)
            c(k + 4, :, :) = x(4*k + 1, :, :)
            call tr%synthesize(k + 4, c)
            call self%dynamics%moist%solar%set_time(self%seconds, self%dt)
            do pair = 1, layout%npairs
                call tr%pair_to_grid(k + 4, pair, grid)
                do side = 1, 2
                    row = merge(pair, layout%nrows + 1 - pair, side == 1)
                    cos_lat = sqrt(1.0_dp - tr%mu(layout%rows(row))**2)
                    air%u(:, row) = grid(:, 1, side)/cos_lat
                    air%v(:, row) = grid(:, 2, side)/cos_lat
                    air%t(:, row) = grid(:, k + 2, side)
                    air%ps(:, row) = exp(grid(:, k + 3, side))
                    air%q(:, row) = max(0.0_dp, grid(:, k + 4, side))  ! a hole would draw water from the surface
                    call self%dynamics%moist%surface_radiation(row, tr%mu(layout%rows(row)), grid(:, 3:k + 2, side), &
                        air%sw_down(:, row), air%lw_down(:, row))
                end do
            end do
        end associate
    end subroutine surface_air

    !> All levels, top down, (nlon, nrows, nlev) and (nlon, nrows). Collective.
    subroutine atmos_fields(self, u, v, t, ps, q)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(out) :: u(:, :, :), v(:, :, :)            !< [m/s]
        real(dp), intent(out) :: t(:, :, :)                        !< [K]
        real(dp), intent(out) :: ps(:, :)                          !< [Pa]
        real(dp), intent(out), optional :: q(:, :, :)              !< specific humidity, 0 of a dry atmosphere [kg/kg]

        call levels_to_grid(self, 1, u, v, t, ps)
        if (.not. present(q)) return
        q = 0.0_dp
        if (self%dynamics%nq > 0) call scalar_to_grid(self, self%x(3*self%nlev + 2:, :, :), q)
    end subroutine atmos_fields

    !> Height of the ground as the model sees it, smoothed and truncated. Collective.
    subroutine atmos_surface_height(self, height)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(out) :: height(:, :)                      !< (nlon, nrows) [m]
        real(dp) :: c(1, 2, size(self%x, 3)), field(size(height, 1), size(height, 2), 1)

        c(1, :, :) = self%dynamics%phi_s/gravity
        call scalar_to_grid(self, c, field)
        height = field(:, :, 1)
    end subroutine atmos_surface_height

    subroutine scalar_to_grid(self, c, field)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: c(:, :, :)                         !< (n, 2, ns)
        real(dp), intent(out) :: field(:, :, :)                    !< (nlon, nrows, n)
        real(dp) :: grid(self%nlon, size(c, 1), 2)
        integer :: pair, n

        n = size(c, 1)
        associate (tr => self%dynamics%transform, layout => self%dynamics%transform%layout)
            call tr%synthesize(n, c)
            do pair = 1, layout%npairs
                call tr%pair_to_grid(n, pair, grid)
                field(:, pair, :) = grid(:, :, 1)
                field(:, layout%nrows + 1 - pair, :) = grid(:, :, 2)
            end do
        end associate
    end subroutine scalar_to_grid

    !> Coefficients of a scalar on the own rows, truncated.
    subroutine scalar_to_spectral(self, field, c)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: field(:, :, :)                     !< (nlon, nrows, n)
        real(dp), intent(out) :: c(:, :, :)                        !< (n, 2, ns)
        real(dp) :: grid(self%nlon, size(c, 1), 2)
        integer :: pair, n, s

        n = size(c, 1)
        associate (tr => self%dynamics%transform, layout => self%dynamics%transform%layout)
            do pair = 1, layout%npairs
                grid(:, :, 1) = field(:, pair, :)
                grid(:, :, 2) = field(:, layout%nrows + 1 - pair, :)
                call tr%pair_from_grid(n, pair, grid)
            end do
            call tr%analyze(n, c)
            do s = 1, layout%ns
                if (layout%n(s) > layout%trunc) c(:, :, s) = 0.0_dp
            end do
        end associate
    end subroutine scalar_to_spectral

    subroutine levels_to_grid(self, first, u, v, t, ps)
        type(atmos_type), intent(inout) :: self
        integer, intent(in) :: first                               !< highest level wanted
        real(dp), intent(out) :: u(:, :, :), v(:, :, :), t(:, :, :), ps(:, :)
        real(dp), allocatable :: c(:, :, :), grid(:, :, :)
        real(dp) :: cos_lat
        integer :: n, k, pair, side, row

        k = self%nlev
        n = k - first + 1
        associate (tr => self%dynamics%transform, layout => self%dynamics%transform%layout, x => self%x)
            allocate(c(3*n + 1, 2, layout%ns), grid(self%nlon, 3*n + 1, 2))
            call winds_from_vorticity(layout, x(first:k, :, :), x(k + first:2*k, :, :), c(1:n, :, :), &
                c(n + 1:2*n, :, :))
            c(2*n + 1:3*n + 1, :, :) = x(2*k + first:3*k + 1, :, :)
            call tr%synthesize(3*n + 1, c)
            do pair = 1, layout%npairs
                call tr%pair_to_grid(3*n + 1, pair, grid)
                do side = 1, 2
                    row = merge(pair, layout%nrows + 1 - pair, side == 1)
                    cos_lat = sqrt(1.0_dp - tr%mu(layout%rows(row))**2)
                    u(:, row, :) = grid(:, 1:n, side)/cos_lat
                    v(:, row, :) = grid(:, n + 1:2*n, side)/cos_lat
                    t(:, row, :) = grid(:, 2*n + 1:3*n, side)
                    ps(:, row) = exp(grid(:, 3*n + 1, side))
                end do
            end do
        end associate
    end subroutine levels_to_grid

    !> Coefficients of fields on the own rows, truncated.
    subroutine grid_to_spectral(self, u, v, t, log_ps, x)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: u(:, :, :), v(:, :, :), t(:, :, :), log_ps(:, :)
        real(dp), allocatable, intent(out) :: x(:, :, :)           !< (3 nlev + 1, 2, ns)
        real(dp), allocatable :: c(:, :, :), grid(:, :, :)
        real(dp) :: cos_lat
        integer :: k, pair, side, row, s

        k = self%nlev
        associate (tr => self%dynamics%transform, layout => self%dynamics%transform%layout)
            allocate(x(3*k + 1, 2, layout%ns), c(3*k + 1, 2, layout%ns), grid(self%nlon, 3*k + 1, 2))
            do pair = 1, layout%npairs
                do side = 1, 2
                    row = merge(pair, layout%nrows + 1 - pair, side == 1)
                    cos_lat = sqrt(1.0_dp - tr%mu(layout%rows(row))**2)
                    grid(:, 1:k, side) = u(:, row, :)/cos_lat
                    grid(:, k + 1:2*k, side) = v(:, row, :)/cos_lat
                    grid(:, 2*k + 1:3*k, side) = t(:, row, :)
                    grid(:, 3*k + 1, side) = log_ps(:, row)
                end do
                call tr%pair_from_grid(3*k + 1, pair, grid)
            end do
            call tr%analyze(3*k + 1, c)
            call curl_and_divergence(layout, c(1:k, :, :), c(k + 1:2*k, :, :), x(1:k, :, :), x(k + 1:2*k, :, :))
            x(2*k + 1:3*k + 1, :, :) = c(2*k + 1:3*k + 1, :, :)
            do s = 1, layout%ns
                if (layout%n(s) > layout%trunc) x(:, :, s) = 0.0_dp
            end do
            if (self%dynamics%barotropic) x(k + 1:2*k, :, :) = 0.0_dp
        end associate
    end subroutine grid_to_spectral

    !> Replace the whole state (a start, not an analysis); the dry-mass fixer holds the new mean ps from here on.
    !! Collective.
    subroutine atmos_set_fields(self, u, v, t, ps, status, q)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: u(:, :, :), v(:, :, :), t(:, :, :) !< (nlon, nrows, nlev) [m/s], [K]
        real(dp), intent(in) :: ps(:, :)                           !< (nlon, nrows) [Pa]
        type(status_type), intent(inout) :: status
        real(dp), intent(in), optional :: q(:, :, :)               !< (nlon, nrows, nlev); a moist start without is dry
        real(dp), allocatable :: x(:, :, :)
        real(dp) :: log_ps(size(ps, 1), size(ps, 2))
        integer :: row

        call refuse_unless(all(ps > 0.0_dp) .and. all(t > 0.0_dp), &
            'a temperature or pressure to set is not positive', status)
        call self%comm%agree(status)
        if (status%failed()) return
        do row = 1, size(ps, 2)  ! by rows: a vector loop of fixed length rounds alike on any number of ranks
            log_ps(:, row) = log(ps(:, row))
        end do
        call grid_to_spectral(self, u, v, t, log_ps, x)
        self%x(:3*self%nlev + 1, :, :) = x
        if (self%dynamics%nq > 0) then
            self%x(3*self%nlev + 2:, :, :) = 0.0_dp
            if (present(q)) call scalar_to_spectral(self, q, self%x(3*self%nlev + 2:, :, :))
        end if
        self%mean_ps = mean_surface_pressure(self%dynamics%transform, self%x(3*self%nlev + 1, :, :))
    end subroutine atmos_set_fields

    !> Add an increment, truncated to the model's wavenumbers; ln ps gets ln(1 + dps/ps). The dry-mass fixer takes the
    !! global mean of dps out again at the end of the next step. Collective.
    subroutine atmos_add_increment(self, du, dv, dt_air, dps, status, dq)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: du(:, :, :), dv(:, :, :)           !< (nlon, nrows, nlev) [m/s]
        real(dp), intent(in) :: dt_air(:, :, :)                    !< [K]
        real(dp), intent(in) :: dps(:, :)                          !< (nlon, nrows) [Pa]
        type(status_type), intent(inout) :: status
        real(dp), intent(in), optional :: dq(:, :, :)              !< [kg/kg]; a dry atmosphere has no use for it
        real(dp), dimension(size(dps, 1), size(dps, 2)) :: ps, ta, ua, va, dlog_ps
        real(dp), allocatable :: dx(:, :, :)
        real(dp) :: dx_q(self%dynamics%nq, 2, size(self%x, 3))
        integer :: row

        call atmos_surface(self, ps, ta, ua, va)
        call refuse_unless(all(abs(dps) < 0.5_dp*ps), 'an increment of ps is not a number or beyond half of ps', status)
        if (present(dq)) call refuse_unless(all(abs(dq) < 1.0_dp), 'an increment of q is not a number below 1', status)
        call refuse_unless(all(abs(dt_air) < huge(1.0_dp)) .and. all(abs(du) < huge(1.0_dp)) &
            .and. all(abs(dv) < huge(1.0_dp)), 'an increment of u, v or t is not a number', status)
        call self%comm%agree(status)
        if (status%failed()) return
        do row = 1, size(dps, 2)
            dlog_ps(:, row) = log(1.0_dp + dps(:, row)/ps(:, row))
        end do
        call grid_to_spectral(self, du, dv, dt_air, dlog_ps, dx)
        associate (x => self%x(:3*self%nlev + 1, :, :), x_q => self%x(3*self%nlev + 2:, :, :))
            where (dx /= 0.0_dp) x = x + dx  ! even the sign of a zero stays under a zero increment
            if (present(dq) .and. self%dynamics%nq > 0) then
                call scalar_to_spectral(self, dq, dx_q)
                where (dx_q /= 0.0_dp) x_q = x_q + dx_q
            end if
        end associate
    end subroutine atmos_add_increment

    !> Add an increment of the lowest level; u, v and T carry it upwards with exp(-(s_lowest - s)/0.1). Collective.
    subroutine atmos_add_surface_increment(self, dps, dta, dua, dva, status)
        type(atmos_type), intent(inout) :: self
        real(dp), intent(in) :: dps(:, :)                          !< (nlon, nrows) [Pa]
        real(dp), intent(in) :: dta(:, :)                          !< [K]
        real(dp), intent(in) :: dua(:, :), dva(:, :)               !< [m/s]
        type(status_type), intent(inout) :: status
        real(dp), dimension(size(dps, 1), size(dps, 2), self%nlev) :: du, dv, dt
        real(dp) :: share
        integer :: k

        do k = 1, self%nlev
            share = exp(-(self%sigma(self%nlev) - self%sigma(k))/spread_depth)
            du(:, :, k) = share*dua
            dv(:, :, k) = share*dva
            dt(:, :, k) = share*dta
        end do
        call atmos_add_increment(self, du, dv, dt, dps, status)
    end subroutine atmos_add_surface_increment

    subroutine refuse_unless(good, what, status)
        logical, intent(in) :: good
        character(len=*), intent(in) :: what
        type(status_type), intent(inout) :: status
        if (.not. good) call status%set(status_bad_input, 'atmosphere: '//what)
    end subroutine refuse_unless
end module atmos_fields_mod
