!> One step of SIL3, the semi-implicit Lorenz three-cycle (Whitaker and Kar 2013), second order, three evaluations.
!!
!! x_i = x_0 + dt sum_(j<i) (a_ij N(x_j) + b_ij L x_j) + dt b_ii L x_i; the last stage is the new state.
module atmos_sil3_mod
    use kinds_mod, only: dp
    use status_mod, only: status_type
    use atmos_dynamics_mod, only: dynamics_type
    use atmos_implicit_mod, only: implicit_type
    implicit none
    private

    integer, parameter, public :: stages = 3
    !> Explicit weights, a(j, i) of stage i.
    real(dp), parameter :: a(stages, stages) = reshape([ &
        1.0_dp/3.0_dp, 0.0_dp, 0.0_dp, &
        1.0_dp/6.0_dp, 0.5_dp, 0.0_dp, &
        0.5_dp, -0.5_dp, 1.0_dp], [stages, stages])
    !> Weights of the known implicit terms.
    real(dp), parameter :: b(stages, stages) = reshape([ &
        1.0_dp/6.0_dp, 0.0_dp, 0.0_dp, &
        1.0_dp/3.0_dp, 0.0_dp, 0.0_dp, &
        3.0_dp/8.0_dp, 0.0_dp, 3.0_dp/8.0_dp], [stages, stages])
    !> Weight of each stage's own implicit term.
    real(dp), parameter, public :: implicit_weight(stages) = [1.0_dp/6.0_dp, 1.0_dp/3.0_dp, 0.25_dp]

    !> Terms of the stages already done.
    type, public :: sil3_type
        real(dp), allocatable :: start(:, :, :)       !< x_0
        real(dp), allocatable :: n(:, :, :, :)        !< N(x_j)
        real(dp), allocatable :: l(:, :, :, :)        !< L x_j
    contains
        procedure :: step => sil3_step
    end type sil3_type

contains

    !> Advance x by dt; implicit was prepared for the steps dt*implicit_weight.
    subroutine sil3_step(self, dynamics, implicit, dt, x, status)
        class(sil3_type), intent(inout) :: self
        type(dynamics_type), intent(inout) :: dynamics
        type(implicit_type), intent(in) :: implicit
        real(dp), intent(in) :: dt                  !< [s]
        real(dp), intent(inout) :: x(:, :, :)       !< (3 nlev + 1, 2, ns)
        type(status_type), intent(inout) :: status
        integer :: i, j, s

        if (.not. allocated(self%n)) then
            allocate(self%n(size(x, 1), 2, size(x, 3), stages), self%l(size(x, 1), 2, size(x, 3), stages))
        end if
        self%start = x
        do i = 1, stages
            call dynamics%tendency(x, self%n(:, :, :, i), i == 1, status)
            if (any(b(i, :) /= 0.0_dp)) call implicit%linear(dynamics%transform%layout, x, self%l(:, :, :, i))
            do s = 1, size(x, 3)
                x(:, :, s) = self%start(:, :, s)
                do j = 1, i
                    if (a(j, i) /= 0.0_dp) x(:, :, s) = x(:, :, s) + (dt*a(j, i))*self%n(:, :, s, j)
                    if (b(j, i) /= 0.0_dp) x(:, :, s) = x(:, :, s) + (dt*b(j, i))*self%l(:, :, s, j)
                end do
            end do
            call implicit%solve(dynamics%transform%layout, i, x)
        end do
    end subroutine sil3_step
end module atmos_sil3_mod
