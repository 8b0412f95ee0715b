/* What the parts of the bridge in C share: the trampoline (Fortran calls Python), the guard (Python calls Fortran), the ways
 * in which Fortran ends a program, and the ways in which others interrupt it. */
#ifndef BRIDGE_H
#define BRIDGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

enum { MAX_CALLBACKS = 64, MAX_RANK = 15, NAME_LENGTH = 64, LABEL_LENGTH = 32, TEXT_LENGTH = 256, MAX_MODELS = 64 };
enum { CALLBACK_OK = 0, CALLBACK_FAILED = 1, CALLBACK_WRONG_THREAD = 4 };
enum { KIND_REAL64 = 1, KIND_REAL32, KIND_INT32, KIND_TEXT, KIND_REAL, KIND_INTEGER, KIND_LOGICAL };

/* callback_array_type of callback_mod.F90 */
struct callback_array {
    void *data;
    int element, rank, writable, contiguous;
    int label_length, text_length; /* a text longer than TEXT_LENGTH is refused before it comes here */
    double real;                   /* the values of scalars that are passed by value */
    int64_t integer;
    int64_t extents[MAX_RANK], strides[MAX_RANK]; /* strides in bytes, only where not contiguous */
    char label[LABEL_LENGTH], text[TEXT_LENGTH];
};

typedef int (*callback_handler)(int id, int count, const struct callback_array *arrays);

/* callback_mod.F90: the number of the name, 0 when the table is full or the name too long. */
int bridge_callback_register(const char *name, int length, callback_handler handler);
/* callback_mod.F90: whether a callback has failed whose exception Python has not fetched yet. */
extern int bridge_callback_pending;
/* callback_python.F90: the procedure of the f2py way; returns the former one. */
typedef void (*external_procedure)(double *, int *);
external_procedure bridge_external_swap(external_procedure procedure);
/* callback_python.F90: what leaves Fortran at once after a failure, NULL for a return code. */
extern void (*bridge_unwinder)(void);

/* Floating-point errors: stopped where they happen, or found after the call where the processor only notes them. */
enum { OPTION_TRAPS = 1, OPTION_UNWIND = 2, OPTION_NOTES = 4 };

/* One call from Python into Fortran, on the stack of `bridge_call`. */
struct guard {
    sigjmp_buf back;
    struct guard *outer;
    int options;
    int noted;             /* floating-point errors before Python was called, with OPTION_NOTES */
    int64_t number;        /* of the call, the same on every rank; 0 where ranks do not agree */
    PyThreadState *thread; /* as it was at entry */
    external_procedure external;
};

/* guard.c: add its functions and its exception to the extension module. */
int bridge_add_guard(PyObject *module);
/* guard.c: call a plug. Its outputs as f2py returns them, or NULL with an exception: Intercepted, or f2py's own. */
PyObject *bridge_call(PyObject *function, PyObject *arguments, int options, int64_t number);
/* guard.c: raise Intercepted for an error code. */
void bridge_raise_code(PyObject *code);
/* guard.c: the innermost guarded call of this thread while it is in Fortran, else NULL. */
struct guard *bridge_current(void);
/* guard.c: note why Fortran is left (stop, error, floating, interrupt, peer, unwind) and jump back to the guard. */
void bridge_leave(const char *kind, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* guard.c: while Python runs inside a callback the guard and floating-point traps are off, since a jump over its frames
 * would break the interpreter; the second call restores what the first returned. */
struct guard *bridge_enter_python(void);
void bridge_leave_python(struct guard *guard);

/* process.c: what the models of a process share. */
struct bridge_process {
    int count;
    struct bridge_member {
        struct guard *(*current)(void); /* bridge_current and bridge_leave of each model */
        void (*leave)(const char *kind, const char *format, ...);
    } members[MAX_MODELS];
    const void *active;         /* the model whose settings the run-time library has */
    struct sigaction before[2]; /* of SIGINT and SIGTERM, before any model was loaded */
    int has_before[2];
};
struct bridge_process *bridge_process(void);
/* process.c: leave the model of this thread that is in Fortran, whichever it is; returns if none is. */
void bridge_leave_running(const char *kind, const char *text);
/* process.c: before Fortran runs: let the run-time library have this model's settings. */
void bridge_own_settings(void);
int bridge_add_process(PyObject *module);

/* interrupts.c: which guarded call is in Fortran now, NULL for none; called whenever that changes. */
void bridge_running(struct guard *guard);
/* interrupts.c: the same where a call begins and ends; the latter returns a signal that waited for the end, or 0. */
void bridge_enter_call(struct guard *guard);
int bridge_leave_call(struct guard *outer);
/* interrupts.c: 1 if another rank has failed in the call of this number. */
int bridge_peer_failed(int64_t number);
/* interrupts.c: another rank has failed in a call; interrupts this rank if it is in it. Any thread. */
void bridge_set_peer_failed(int rank, int64_t number);
/* interrupts.c: numbers begin anew. */
void bridge_forget_peers(void);
/* interrupts.c: 0 or the rank that waits for an answer because this rank cannot leave a library, plus one. */
int bridge_is_stuck(void);
/* interrupts.c: 0, or the exit code with which the listening thread is to end all ranks. */
int bridge_end_code(void);
/* interrupts.c: end the process if the guarded call runs on another thread, to which nothing can jump. */
void bridge_end_if_elsewhere(const char *text);
/* interrupts.c: end the process from any thread, after a message and the Python stack of the guarded thread. */
void bridge_end(const char *message, int code) __attribute__((noreturn));
int bridge_add_interrupts(PyObject *module);

/* watch.c: whether a thread listens for failures of other ranks; MPI_Abort where MPI runs. */
int bridge_listens(void);
void bridge_abort_ranks(int code);
int bridge_add_watch(PyObject *module);

/* trampoline.c: the first exception of a callback since the last call, a new reference or NULL; cleared. */
PyObject *bridge_take_exception(void);
/* trampoline.c: keep the exception that is set, if it is the first. */
void bridge_keep_exception(void);

/* mpi_errors.c */
int bridge_add_mpi_errors(PyObject *module);

/* plug.c */
int bridge_add_plug(PyObject *module);

/* external.c */
int bridge_add_external(PyObject *module);

#endif
