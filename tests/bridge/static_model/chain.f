C     Lorenz's chain of 1996 with noise, leap by Adams-Bashforth: all of its
C     state is static. dx_k/dt = (x_k+1 - x_k-2) x_k-1 - x_k + F + noise
      SUBROUTINE CHAIN0
      INTEGER N, K
      PARAMETER (N = 40)
      DOUBLE PRECISION X, T
      COMMON /STATE/ X(N), T
      DO 10 K = 1, N
         X(K) = 8.D0
   10 CONTINUE
      X(1) = 8.01D0
      T = 0.D0
      END

      SUBROUTINE CHAIN1(SIGMA)
      USE HISTORY_MOD, ONLY: REMEMBER
      INTEGER N, K, NCALLS
      PARAMETER (N = 40)
      DOUBLE PRECISION X, T, SIGMA, DT, D(N), DOLD(N), R(N)
      COMMON /STATE/ X(N), T
      SAVE DOLD, NCALLS
      DATA NCALLS /0/, DT /0.01D0/
      CALL RANDOM_NUMBER(R)
      DO 20 K = 1, N
         D(K) = (X(MOD(K,N)+1) - X(MOD(K+N-3,N)+1))*X(MOD(K+N-2,N)+1)
     &        - X(K) + 8.D0 + SIGMA*(R(K) - 0.5D0)
   20 CONTINUE
      IF (NCALLS .EQ. 0) THEN
         DO 30 K = 1, N
            DOLD(K) = D(K)
   30    CONTINUE
      ENDIF
      DO 40 K = 1, N
         X(K) = X(K) + DT*(1.5D0*D(K) - 0.5D0*DOLD(K))
         DOLD(K) = D(K)
   40 CONTINUE
      T = T + DT
      NCALLS = NCALLS + 1
      CALL REMEMBER(X, NCALLS)
      END
