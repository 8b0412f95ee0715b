program main
  use nest
  call start
  call integrate(1, 0d0, 3d0, 0.03d0)
  print *, x
end program main
