/* What the trampoline (Fortran calls Python) and the guard (Python calls Fortran) share. */
#ifndef BRIDGE_H
#define BRIDGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { MAX_CALLBACKS = 64, MAX_RANK = 15, NAME_LENGTH = 64 };
enum { CALLBACK_OK = 0, CALLBACK_FAILED = 1, CALLBACK_WRONG_THREAD = 4 };
enum { KIND_REAL64 = 1, KIND_REAL32 = 2, KIND_INT32 = 3 };

/* callback_array_type of callback_mod.F90 */
struct callback_array {
    void *data;
    int element, rank, writable, contiguous;
    int64_t extents[MAX_RANK];
};

typedef int (*callback_handler)(int id, int count, const struct callback_array *arrays);

/* callback_mod.F90: the number of the name, 0 when the table is full or the name too long. */
int bridge_callback_register(const char *name, int length, callback_handler handler);

/* guard.c: add the guard's functions and exception to the extension module. */
int bridge_add_guard(PyObject *module);

/* guard.c: whether this thread is inside a guarded call. */
int bridge_is_guarded(void);

/* guard.c: while Python runs inside a callback the guard and floating-point traps are off, since a jump over its frames
 * would break the interpreter; the second call restores what the first returned. */
struct guard *bridge_enter_python(void);
void bridge_leave_python(struct guard *guard);

/* trampoline.c: the first exception of a callback since the last call, a new reference or NULL; cleared. */
PyObject *bridge_take_exception(void);

#endif
