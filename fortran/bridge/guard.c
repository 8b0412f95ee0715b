/* The guard around a call into Fortran: STOP, ERROR STOP, a violated bound, a failed ALLOCATE, `call exit` and
 * `call abort` come back to Python as an exception instead of ending the process.
 *
 * The module is linked with -Wl,--wrap=<function> for each entry of libgfortran below, so that the model's references lead
 * here. Inside a guarded call the wrapper notes the message and jumps back to the guard (memory of the frames that are
 * left is lost, the model's state is no longer to be trusted); outside, and on other threads, it does what libgfortran does.
 * Errors that libgfortran detects within itself (input/output) end in exit(); the exit hook has the last word then.
 */
#define _GNU_SOURCE
#include "bridge.h"
#include <execinfo.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_LENGTH = 1024, MAX_FRAMES = 64 };

struct guard {
    sigjmp_buf back;
    struct guard *outer;
    int traps; /* whether floating-point traps are on inside it */
};

/* What made the model leave; read by the guard it jumped to. */
static __thread struct {
    const char *kind; /* stop, error, floating */
    char message[MESSAGE_LENGTH];
    void *frames[MAX_FRAMES];
    int depth;
} failure;

static __thread struct guard *current;
static PyObject *intercepted; /* exception type: (kind, message, backtrace) */
static PyObject *exit_hook;

__attribute__((noreturn, format(printf, 2, 3))) static void leave(const char *kind, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(failure.message, MESSAGE_LENGTH, format, values);
    va_end(values);
    failure.kind = kind;
    failure.depth = backtrace(failure.frames, MAX_FRAMES);
    siglongjmp(current->back, 1);
}

#ifdef BRIDGE_GFORTRAN

/* ---- what the model's references to libgfortran lead to ---- */

void __real__gfortran_stop_string(const char *, size_t, bool) __attribute__((noreturn));
void __wrap__gfortran_stop_string(const char *text, size_t length, bool quiet)
{
    if (!current)
        __real__gfortran_stop_string(text, length, quiet);
    leave("stop", "STOP %.*s", (int)length, text ? text : "");
}

void __real__gfortran_error_stop_string(const char *, size_t, bool) __attribute__((noreturn));
void __wrap__gfortran_error_stop_string(const char *text, size_t length, bool quiet)
{
    if (!current)
        __real__gfortran_error_stop_string(text, length, quiet);
    leave("stop", "ERROR STOP %.*s", (int)length, text ? text : "");
}

void __real__gfortran_stop_numeric(int, bool) __attribute__((noreturn));
void __wrap__gfortran_stop_numeric(int code, bool quiet)
{
    if (!current)
        __real__gfortran_stop_numeric(code, quiet);
    leave("stop", "STOP %d", code);
}

void __real__gfortran_error_stop_numeric(int, bool) __attribute__((noreturn));
void __wrap__gfortran_error_stop_numeric(int code, bool quiet)
{
    if (!current)
        __real__gfortran_error_stop_numeric(code, quiet);
    leave("stop", "ERROR STOP %d", code);
}

void __real__gfortran_exit_i4(int *) __attribute__((noreturn));
void __wrap__gfortran_exit_i4(int *code)
{
    if (!current)
        __real__gfortran_exit_i4(code);
    leave("stop", "call exit(%d)", code ? *code : 0);
}

void __real__gfortran_abort(void) __attribute__((noreturn));
void __wrap__gfortran_abort(void)
{
    if (!current)
        __real__gfortran_abort();
    leave("stop", "call abort");
}

static void leave_formatted(const char *where, const char *format, va_list values)
{
    char text[MESSAGE_LENGTH];
    vsnprintf(text, sizeof text, format, values);
    if (current)
        leave("error", "%s%s%s", where, *where ? ": " : "", text);
    fprintf(stderr, "%s\nFortran runtime error: %s\n", where, text);
    exit(2);
}

/* The variadic originals cannot be called with a va_list; outside a guard the message and exit code are repeated here. */
#define WRAP_AT(name)                                             \
    void __wrap__gfortran_##name(const char *where, const char *format, ...) \
    {                                                             \
        va_list values;                                           \
        va_start(values, format);                                 \
        leave_formatted(where, format, values);                   \
        va_end(values);                                           \
    }
#define WRAP(name)                                                \
    void __wrap__gfortran_##name(const char *format, ...)         \
    {                                                             \
        va_list values;                                           \
        va_start(values, format);                                 \
        leave_formatted("", format, values);                      \
        va_end(values);                                           \
    }
WRAP_AT(runtime_error_at)
WRAP_AT(os_error_at)
WRAP(runtime_error)
WRAP(os_error)
#endif

/* ---- floating-point traps, off unless the model's configuration asks for them ---- */

static const int trapped = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW;

static void set_traps(int on)
{
    fedisableexcept(trapped);
    feclearexcept(FE_ALL_EXCEPT);
    if (on)
        feenableexcept(trapped);
}

int bridge_is_guarded(void)
{
    return current != NULL;
}

struct guard *bridge_enter_python(void)
{
    struct guard *guard = current;
    current = NULL;
    if (guard && guard->traps)
        set_traps(0);
    return guard;
}

void bridge_leave_python(struct guard *guard)
{
    current = guard;
    if (guard && guard->traps)
        set_traps(1);
}

static void on_floating_point(int signal_number, siginfo_t *information, void *context)
{
    (void)context;
    const char *what = information->si_code == FPE_FLTDIV   ? "division by zero"
                       : information->si_code == FPE_FLTOVF ? "overflow"
                                                            : "invalid operation";
    if (!current) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    leave("floating", "floating-point %s", what);
}

/* ---- the guard ---- */

static void raise_failure(void)
{
    char **names = backtrace_symbols(failure.frames, failure.depth);
    PyObject *list = PyList_New(0);
    for (int i = 0; list && names && i < failure.depth; i++) {
        PyObject *name = PyUnicode_DecodeLocale(names[i], "surrogateescape");
        if (!name || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    free(names);
    PyObject *message = PyUnicode_DecodeLocale(failure.message, "surrogateescape");
    PyObject *value = list && message ? Py_BuildValue("(sOO)", failure.kind, message, list) : NULL;
    if (value)
        PyErr_SetObject(intercepted, value);
    Py_XDECREF(value);
    Py_XDECREF(message);
    Py_XDECREF(list);
}

/* call(plug, arguments, traps): the plug's result, or the exception Intercepted(kind, message, backtrace). */
static PyObject *call(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *plug, *values, *volatile result = NULL;
    struct guard guard = {.outer = current};

    if (!PyArg_ParseTuple(arguments, "OO!p", &plug, &PyTuple_Type, &values, &guard.traps))
        return NULL;
    if (!Py_TYPE(plug)->tp_call)
        return PyErr_Format(PyExc_TypeError, "%R is not a plug", plug);
    failure.kind = NULL;
    if (sigsetjmp(guard.back, 1) == 0) {
        current = &guard;
        if (guard.traps)
            set_traps(1);
        result = Py_TYPE(plug)->tp_call(plug, values, NULL); /* not PyObject_Call: a jump would skip its bookkeeping */
    }
    current = guard.outer;
    if (guard.traps)
        set_traps(guard.outer && guard.outer->traps);
    if (failure.kind)
        raise_failure();
    failure.kind = NULL;
    return result;
}

static void last_words(void)
{
    if (!current || !exit_hook || !Py_IsInitialized())
        return;
    bridge_enter_python();
    PyGILState_STATE gil = PyGILState_Ensure();
    Py_XDECREF(PyObject_CallNoArgs(exit_hook));
    PyGILState_Release(gil);
}

static PyObject *set_exit_hook(PyObject *Py_UNUSED(module), PyObject *function)
{
    Py_INCREF(function);
    Py_XSETREF(exit_hook, function);
    Py_RETURN_NONE;
}

/* ---- what gfortran's main program would have set ---- */

#ifdef BRIDGE_GFORTRAN
void _gfortran_set_convert(int);
void _gfortran_set_args(int, char **);

static PyObject *set_convert(PyObject *Py_UNUSED(module), PyObject *mode)
{
    long value = PyLong_AsLong(mode); /* libgfortran: 0 native, 1 swap, 2 big endian, 3 little endian */
    if (value == -1 && PyErr_Occurred())
        return NULL;
    _gfortran_set_convert((int)value);
    Py_RETURN_NONE;
}

static PyObject *set_arguments(PyObject *Py_UNUSED(module), PyObject *list)
{
    Py_ssize_t count = PyList_Size(list);
    char **values = count < 0 ? NULL : calloc((size_t)count + 1, sizeof *values); /* libgfortran keeps it for good */
    for (Py_ssize_t i = 0; values && i < count; i++) {
        const char *text = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (!text || !(values[i] = strdup(text)))
            return NULL;
    }
    if (!values)
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    _gfortran_set_args((int)count, values);
    Py_RETURN_NONE;
}
#endif

static PyMethodDef methods[] = {
    {"call", call, METH_VARARGS, "call(plug, arguments, traps)"},
    {"set_exit_hook", set_exit_hook, METH_O, "set_exit_hook(function): called when Fortran ends the process"},
#ifdef BRIDGE_GFORTRAN
    {"set_convert", set_convert, METH_O, "set_convert(mode): byte order of unformatted files"},
    {"set_arguments", set_arguments, METH_O, "set_arguments(list): what get_command_argument returns"},
#endif
    {NULL, NULL, 0, NULL},
};

int bridge_add_guard(PyObject *module)
{
    struct sigaction action = {.sa_sigaction = on_floating_point, .sa_flags = SA_SIGINFO};
    void *warm_up[1];
    backtrace(warm_up, 1); /* it loads libgcc at its first call, too late inside a signal handler */
    intercepted = PyErr_NewException("_bridge.Intercepted", NULL, NULL);
    if (!intercepted || sigaction(SIGFPE, &action, NULL) < 0 || atexit(last_words) != 0)
        return -1;
    Py_INCREF(intercepted);
    if (PyModule_AddObject(module, "Intercepted", intercepted) < 0)
        return -1;
    return PyModule_AddFunctions(module, methods);
}
