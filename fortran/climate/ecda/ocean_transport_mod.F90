!> Volume moved by the currents: through the sides of the T cells, and through their tops from continuity.
module ocean_transport_mod
    use kinds_mod, only: dp
    use ocean_grid_mod, only: ocean_grid_type
    implicit none
    private
    public :: row_fluxes, row_lift, corner_thickness

contains

    !> Volume through the eastern and northern faces of one row of T cells at one level [m3/s], from the velocity points
    !! of the rows south and north of it.
    pure subroutine row_fluxes(g, j, h_south, h_north, u_south, u_north, v_north, east, north)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: j                                            !< row of the T cells
        real(dp), intent(in), dimension(g%is:g%ie) :: h_south, h_north      !< thickness of the velocity cells [m]
        real(dp), intent(in), dimension(g%is:g%ie) :: u_south, u_north, v_north     !< [m/s]
        real(dp), intent(inout), dimension(0:g%nx + 1) :: east, north       !< north from 1 on
        integer :: i

        do i = 0, g%nx + 1
            east(i) = 0.5_dp*g%dy*(u_north(i)*h_north(i) + u_south(i)*h_south(i))
        end do
        do i = 1, g%nx + 1
            north(i) = 0.5_dp*g%dx_u(j)*(v_north(i)*h_north(i) + v_north(i - 1)*h_north(i - 1))
        end do
    end subroutine row_fluxes

    !> Upward volume flux through the tops of one row at level k from continuity [m3/s], in place of the one through
    !! their floors; none through the surface.
    pure subroutine row_lift(g, k, east, south, north, lift)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k
        real(dp), intent(in), dimension(0:g%nx + 1) :: east, south, north   !< through the sides [m3/s]
        real(dp), intent(inout) :: lift(0:g%nx + 1)                         !< from 1 on
        integer :: i

        if (k == 1) then
            lift = 0.0_dp
            return
        end if
        do i = 1, g%nx + 1
            lift(i) = lift(i) - ((east(i) - east(i - 1)) + (north(i) - south(i)))
        end do
    end subroutine row_lift

    !> Thickness of the uppermost velocity cells, which the free surface stretches [m]; valid but for the last halo cell
    !! in the east and north.
    pure subroutine corner_thickness(g, eta, h)
        type(ocean_grid_type), intent(in) :: g
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: eta
        real(dp), intent(inout), dimension(g%is:g%ie, g%js:g%je) :: h
        integer :: i, j

        do j = -1, g%ny + 1
            do i = -1, g%nx + 1
                h(i, j) = g%dz(1) + 0.25_dp*((eta(i, j) + eta(i + 1, j)) + (eta(i, j + 1) + eta(i + 1, j + 1)))
            end do
        end do
    end subroutine corner_thickness
end module ocean_transport_mod
