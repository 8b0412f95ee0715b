/* The ways in which Fortran ends a program.
 *
 * The module is linked with -Wl,--wrap=<function> for each function below, so that the model's references lead here.
 * Inside a guarded call the wrapper notes the message and jumps back to the guard (memory of the frames that are left is
 * lost, the model's state is no longer to be trusted); outside it does what the original does. On another thread than
 * the guarded one (an OpenMP region) there is nothing to jump back to: the process ends, with the reason and a code.
 */
#include "bridge.h"
#ifdef BRIDGE_GFORTRAN
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_LENGTH = 1024 };

#define LEAVE(...)                                   \
    do {                                             \
        char reason[MESSAGE_LENGTH];                 \
        snprintf(reason, sizeof reason, __VA_ARGS__);\
        if (bridge_current())                        \
            bridge_leave("stop", "%s", reason);      \
        bridge_end_if_elsewhere(reason);             \
    } while (0)

void __real__gfortran_stop_string(const char *, size_t, bool) __attribute__((noreturn));
void __wrap__gfortran_stop_string(const char *text, size_t length, bool quiet)
{
    LEAVE("STOP %.*s", (int)length, text ? text : "");
    __real__gfortran_stop_string(text, length, quiet);
}

void __real__gfortran_error_stop_string(const char *, size_t, bool) __attribute__((noreturn));
void __wrap__gfortran_error_stop_string(const char *text, size_t length, bool quiet)
{
    LEAVE("ERROR STOP %.*s", (int)length, text ? text : "");
    __real__gfortran_error_stop_string(text, length, quiet);
}

void __real__gfortran_stop_numeric(int, bool) __attribute__((noreturn));
void __wrap__gfortran_stop_numeric(int code, bool quiet)
{
    LEAVE("STOP %d", code);
    __real__gfortran_stop_numeric(code, quiet);
}

void __real__gfortran_error_stop_numeric(int, bool) __attribute__((noreturn));
void __wrap__gfortran_error_stop_numeric(int code, bool quiet)
{
    LEAVE("ERROR STOP %d", code);
    __real__gfortran_error_stop_numeric(code, quiet);
}

void __real__gfortran_exit_i4(int32_t *) __attribute__((noreturn));
void __wrap__gfortran_exit_i4(int32_t *code)
{
    LEAVE("call exit(%d)", code ? (int)*code : 0);
    __real__gfortran_exit_i4(code);
}

void __real__gfortran_exit_i8(int64_t *) __attribute__((noreturn)); /* -fdefault-integer-8 */
void __wrap__gfortran_exit_i8(int64_t *code)
{
    LEAVE("call exit(%d)", code ? (int)*code : 0);
    __real__gfortran_exit_i8(code);
}

void __real__gfortran_abort(void) __attribute__((noreturn));
void __wrap__gfortran_abort(void)
{
    LEAVE("call abort");
    __real__gfortran_abort();
}

/* ---- the model's parts in C ---- */

void __real_exit(int) __attribute__((noreturn));
void __wrap_exit(int code)
{
    LEAVE("exit(%d)", code);
    __real_exit(code);
}

void __real_abort(void) __attribute__((noreturn));
void __wrap_abort(void)
{
    LEAVE("abort()");
    __real_abort();
}

/* ---- MPI_Abort, how most parallel codes stop; weak, since a model need not be linked with MPI ---- */

void __real_mpi_abort_(int *, int *, int *) __attribute__((weak));
void __wrap_mpi_abort_(int *comm, int *code, int *error)
{
    LEAVE("MPI_Abort(%d)", *code);
    __real_mpi_abort_(comm, code, error);
}

void __real_mpi_abort_f08_(int *, int *, int *) __attribute__((weak));
void __wrap_mpi_abort_f08_(int *comm, int *code, int *error)
{
    LEAVE("MPI_Abort(%d)", *code);
    __real_mpi_abort_f08_(comm, code, error);
}

/* ---- errors that libgfortran or the compiler's checks find ---- */

static void leave_formatted(const char *where, const char *format, va_list values)
{
    char text[MESSAGE_LENGTH];
    vsnprintf(text, sizeof text, format, values);
    if (bridge_current())
        bridge_leave("error", "%s%s%s", where, *where ? ": " : "", text);
    bridge_end_if_elsewhere(text);
    fprintf(stderr, "%s\nFortran runtime error: %s\n", where, text);
    exit(2);
}

/* The variadic originals cannot be called with a va_list; outside a guard the message and exit code are repeated here. */
#define WRAP_AT(name)                                                        \
    void __wrap__gfortran_##name(const char *where, const char *format, ...) \
    {                                                                        \
        va_list values;                                                      \
        va_start(values, format);                                            \
        leave_formatted(where, format, values);                              \
        va_end(values);                                                      \
    }
#define WRAP(name)                                        \
    void __wrap__gfortran_##name(const char *format, ...) \
    {                                                     \
        va_list values;                                   \
        va_start(values, format);                         \
        leave_formatted("", format, values);              \
        va_end(values);                                   \
    }
WRAP_AT(runtime_error_at)
WRAP_AT(os_error_at)
WRAP(runtime_error)
WRAP(os_error)
#endif
