!> Volume moved by the currents: through the sides of the T cells, and through their tops from continuity.
module ocean_transport_mod
    use kinds_mod, only: dp
    use ocean_grid_mod, only: ocean_grid_type
    implicit none
    private
    public :: volume_fluxes, lift_through_top, corner_thickness

contains

    !> Volume through the eastern and northern faces of the T cells of level k [m3/s].
    subroutine volume_fluxes(g, k, eta, u, v, east, north)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta, u, v
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: east, north
        integer :: i, j
        real(dp), dimension(g%is:g%ie, g%js:g%je) :: h

        call corner_thickness(g, k, eta, h)
        do j = 1, g%ny + 1
            do i = 0, g%nx + 1
                east(i, j) = 0.5_dp*g%dy*(u(i, j)*h(i, j) + u(i, j - 1)*h(i, j - 1))
            end do
        end do
        do j = 0, g%ny + 1
            do i = 1, g%nx + 1
                north(i, j) = 0.5_dp*g%dx_u(j)*(v(i, j)*h(i, j) + v(i - 1, j)*h(i - 1, j))
            end do
        end do
    end subroutine volume_fluxes

    !> Thickness of the velocity cells of level k, with the free surface in the top cell [m].
    subroutine corner_thickness(g, k, eta, h)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta
        real(dp), intent(out), dimension(g%is:g%ie, g%js:g%je) :: h
        integer :: i, j

        h = g%dz(k)
        if (k > 1) return
        do j = -1, g%ny + 1
            do i = -1, g%nx + 1
                h(i, j) = g%dz(1) + 0.25_dp*((eta(i, j) + eta(i + 1, j)) + (eta(i, j + 1) + eta(i + 1, j + 1)))
            end do
        end do
    end subroutine corner_thickness

    !> Upward volume flux through the top of level k from continuity [m3/s].
    subroutine lift_through_top(g, k, east, north, below, lift)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: east, north
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: below      !< through the bottom of level k
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: lift
        integer :: i, j

        if (k == 1) then
            lift = 0.0_dp
            return
        end if
        do j = 1, g%ny + 1
            do i = 1, g%nx + 1
                lift(i, j) = below(i, j) - ((east(i, j) - east(i - 1, j)) + (north(i, j) - north(i, j - 1)))
            end do
        end do
    end subroutine lift_through_top
end module ocean_transport_mod
