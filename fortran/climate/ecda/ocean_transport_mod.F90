!> Volume moved by the currents: through the sides of the T cells, and through their tops from continuity.
module ocean_transport_mod
    use kinds_mod, only: dp
    use ocean_grid_mod, only: ocean_grid_type
    implicit none
    private
    public :: row_fluxes, row_lift, corner_thickness

contains

    !> Volume through the eastern and northern faces of T row j at level k [m3/s], from the currents of the rows of
    !! velocity points south and north of it.
    pure subroutine row_fluxes(g, k, j, top, u_south, u_north, v_north, east, north)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k, j
        real(dp), intent(in), dimension(g%is:g%ie, g%js:g%je) :: top        !< thickness of the top velocity cells [m]
        real(dp), intent(in), dimension(g%is:g%ie) :: u_south, u_north, v_north     !< [m/s]
        real(dp), intent(inout), dimension(0:g%nx + 1) :: east, north       !< north from 1 on
        real(dp) :: dz
        integer :: i

        if (k == 1) then
            do i = 0, g%nx + 1
                east(i) = 0.5_dp*g%dy*(u_north(i)*top(i, j) + u_south(i)*top(i, j - 1))
            end do
            do i = 1, g%nx + 1
                north(i) = 0.5_dp*g%dx_u(j)*(v_north(i)*top(i, j) + v_north(i - 1)*top(i - 1, j))
            end do
        else
            dz = g%dz(k)
            do i = 0, g%nx + 1
                east(i) = 0.5_dp*g%dy*(u_north(i)*dz + u_south(i)*dz)
            end do
            do i = 1, g%nx + 1
                north(i) = 0.5_dp*g%dx_u(j)*(v_north(i)*dz + v_north(i - 1)*dz)
            end do
        end if
    end subroutine row_fluxes

    !> Upward volume flux through the tops of one row at level k from continuity [m3/s]; none through the surface.
    pure subroutine row_lift(g, k, east, south, north, below, lift)
        type(ocean_grid_type), intent(in) :: g
        integer, intent(in) :: k
        real(dp), intent(in), dimension(0:g%nx + 1) :: east, south, north   !< through the sides [m3/s]
        real(dp), intent(in) :: below(0:g%nx + 1)                           !< upward through the floors [m3/s]
        real(dp), intent(inout) :: lift(0:g%nx + 1)                         !< from 1 on
        integer :: i

        if (k == 1) then
            lift = 0.0_dp
            return
        end if
        do i = 1, g%nx + 1
            lift(i) = below(i) - ((east(i) - east(i - 1)) + (north(i) - south(i)))
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
