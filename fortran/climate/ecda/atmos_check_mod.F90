!> Detection of a NaN or a value beyond physics, naming field, value and place.
module atmos_check_mod
    use kinds_mod, only: dp
    use constants_mod, only: degree
    use status_mod, only: status_type, status_unstable
    implicit none
    private

    public :: check_row

    real(dp), parameter :: wind_limit = 350.0_dp                       !< [m/s]
    real(dp), parameter :: t_low = 80.0_dp, t_high = 450.0_dp          !< [K]
    real(dp), parameter :: q_low = -0.02_dp, q_high = 0.1_dp             !< [kg/kg]
    real(dp), parameter :: log_ps_low = 9.2_dp, log_ps_high = 11.9_dp  !< about 100 hPa and 1470 hPa

contains

    subroutine check_row(row, sin_lat, u, v, t, q, log_ps, status)
        integer, intent(in) :: row                           !< global row
        real(dp), intent(in) :: sin_lat
        real(dp), intent(in) :: u(:, :), v(:, :), t(:, :)    !< (nlon, nlev)
        real(dp), intent(in) :: q(:, :)                      !< (nlon, nlev), or (nlon, 0) of a dry atmosphere
        real(dp), intent(in) :: log_ps(:)
        type(status_type), intent(inout) :: status

        call check_field(row, sin_lat, 'eastward wind [m/s]', u, -wind_limit, wind_limit, status)
        call check_field(row, sin_lat, 'northward wind [m/s]', v, -wind_limit, wind_limit, status)
        call check_field(row, sin_lat, 'temperature [K]', t, t_low, t_high, status)
        call check_field(row, sin_lat, 'specific humidity', q, q_low, q_high, status)
        call check_field(row, sin_lat, 'ln of surface pressure [Pa]', spread(log_ps, 2, 1), &
            log_ps_low, log_ps_high, status)
    end subroutine check_row

    subroutine check_field(row, sin_lat, name, f, low, high, status)
        integer, intent(in) :: row
        real(dp), intent(in) :: sin_lat, f(:, :), low, high
        character(len=*), intent(in) :: name
        type(status_type), intent(inout) :: status
        character(len=200) :: message
        integer :: i, k, outside

        outside = 0
        do k = 1, size(f, 2)
            do i = 1, size(f, 1)
                if (.not. (f(i, k) > low .and. f(i, k) < high)) outside = outside + 1
            end do
        end do
        if (outside == 0) return
        find: do k = 1, size(f, 2)
            do i = 1, size(f, 1)
                if (.not. (f(i, k) > low .and. f(i, k) < high)) exit find
            end do
        end do find
        write (message, '(3a,es11.3,a,f0.2,a,f0.2,a,i0,a,i0)') 'atmosphere: ', name, ' is', f(i, k), ' at longitude ', &
            360.0_dp*real(i - 1, dp)/real(size(f, 1), dp), ', latitude ', asin(sin_lat)/degree, &
            ', level ', k, ', row ', row
        call status%set(status_unstable, trim(message))
    end subroutine check_field
end module atmos_check_mod
