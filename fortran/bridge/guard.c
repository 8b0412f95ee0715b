/* The guard around a call into Fortran: whatever would end the process (stops.c), interrupt it (interrupts.c) or trap it
 * (floating-point errors) jumps back here and becomes a Python exception. Errors that libgfortran detects within itself
 * (input/output) end in exit(); the exit hook has the last word then.
 */
#define _GNU_SOURCE
#include "bridge.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <fenv.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_LENGTH = 1024, MAX_FRAMES = 64 };

/* What made the model leave; read by the guard it jumped to. */
static __thread struct {
    const char *kind;
    char message[MESSAGE_LENGTH];
    void *frames[MAX_FRAMES];
    int depth;
} failure;

static __thread struct guard *current;
static PyObject *intercepted; /* exception type: (kind, message or code, backtrace) */
static PyObject *exit_hook;

struct guard *bridge_current(void)
{
    return current;
}

void bridge_leave(const char *kind, const char *format, ...)
{
    struct guard *guard = current;
    va_list values;
    va_start(values, format);
    vsnprintf(failure.message, MESSAGE_LENGTH, format, values);
    va_end(values);
    failure.kind = kind;
    failure.depth = backtrace(failure.frames, MAX_FRAMES);
    siglongjmp(guard->back, 1);
}

/* ---- floating-point errors, looked for only if the model's configuration asks for it ----
 *
 * Many aarch64 processors cannot trap: there feenableexcept changes nothing and says so. Every processor notes in flags what
 * has happened; the guard then looks at these when Fortran has returned.
 */

static const int trapped = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW;

static int set_traps(int on)
{
    fedisableexcept(trapped);
    feclearexcept(FE_ALL_EXCEPT);
    return on ? feenableexcept(trapped) : 0;
}

static PyObject *can_trap(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    fenv_t before;
    fegetenv(&before);
    int possible = set_traps(1) != -1 && (fegetexcept() & trapped) == trapped;
    fesetenv(&before);
    return PyBool_FromLong(possible);
}

/* Begin, or begin again, to look for floating-point errors in the way that the options say; end it. */
static void begin_floating(int options)
{
    if (options & OPTION_TRAPS)
        set_traps(1);
    else if (options & OPTION_NOTES)
        feclearexcept(FE_ALL_EXCEPT);
}

static void end_floating(struct guard *guard)
{
    if (guard->options & OPTION_NOTES)
        guard->noted |= fetestexcept(trapped);
    if (guard->options & (OPTION_TRAPS | OPTION_NOTES))
        set_traps(0);
}

static void describe_notes(int noted, char *text, size_t size)
{
    static const struct {
        int flag;
        const char *name;
    } errors[] = {{FE_DIVBYZERO, "division by zero"}, {FE_OVERFLOW, "overflow"}, {FE_INVALID, "invalid operation"}};
    size_t used = (size_t)snprintf(text, size, "floating-point ");
    const char *comma = "";
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (noted & errors[i].flag) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", comma, errors[i].name);
            comma = ", ";
        }
    snprintf(text + used, size - used, " somewhere in the call (this processor cannot stop where it happens)");
}

struct guard *bridge_enter_python(void)
{
    struct guard *guard = current;
    current = NULL;
    bridge_running(NULL);
    if (guard)
        end_floating(guard);
    return guard;
}

void bridge_leave_python(struct guard *guard)
{
    current = guard;
    bridge_own_settings();
    if (guard)
        begin_floating(guard->options);
    bridge_running(guard);
}

static void on_floating_point(int signal_number, siginfo_t *information, void *context)
{
    (void)context;
    const char *what = information->si_code == FPE_FLTDIV   ? "floating-point division by zero"
                       : information->si_code == FPE_FLTOVF ? "floating-point overflow"
                       : information->si_code == FPE_FLTINV ? "floating-point invalid operation"
                       : information->si_code == FPE_INTDIV ? "integer division by zero or overflow"
                                                            : "floating-point error"; /* not every kernel says which */
    bridge_leave_running("floating", what);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* ---- the guard ---- */

/* A frame as (file, procedure, offset in the file), from which addr2line finds the line. An address is that after a call:
 * behind the end of a procedure whose last act it is to stop, so it is looked up one byte before. */
static PyObject *frame(void *address)
{
    Dl_info where;
    if (!dladdr((char *)address - 1, &where))
        return Py_BuildValue("(ssn)", "", "", (Py_ssize_t)0);
    return Py_BuildValue("(ssn)", where.dli_fname ? where.dli_fname : "", where.dli_sname ? where.dli_sname : "",
                         (Py_ssize_t)((char *)address - (char *)where.dli_fbase));
}

/* Intercepted(kind, what, frames); steals both references, of which one may be NULL after an error. */
static void raise_intercepted(const char *kind, PyObject *what, PyObject *frames)
{
    PyObject *value = what && frames ? Py_BuildValue("(sOO)", kind, what, frames) : NULL;
    if (value)
        PyErr_SetObject(intercepted, value);
    Py_XDECREF(value);
    Py_XDECREF(what);
    Py_XDECREF(frames);
}

void bridge_raise_code(PyObject *code)
{
    raise_intercepted("code", Py_NewRef(code), PyTuple_New(0));
}

static void raise_failure(void)
{
    PyObject *frames = PyTuple_New(failure.depth);
    for (int i = 0; frames && i < failure.depth; i++) {
        PyObject *one = frame(failure.frames[i]);
        if (one)
            PyTuple_SET_ITEM(frames, i, one);
        else
            Py_CLEAR(frames);
    }
    raise_intercepted(failure.kind, PyUnicode_DecodeLocale(failure.message, "surrogateescape"), frames);
}

/* After a jump, perhaps out of a signal handler or of a plug that had let go of Python's lock. */
static void land(PyThreadState *thread)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGFPE);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    if (!PyGILState_Check())
        PyEval_RestoreThread(thread);
}

PyObject *bridge_call(PyObject *function, PyObject *arguments, int options, int64_t number)
{
    struct guard guard = {.outer = current, .options = options, .number = number};
    PyObject *volatile result = NULL;

    guard.thread = PyThreadState_Get();
    guard.external = bridge_external_swap(NULL);
    failure.kind = NULL;
    if (sigsetjmp(guard.back, 0) == 0) {
        current = &guard;
        begin_floating(guard.options);
        bridge_own_settings();
        bridge_enter_call(&guard);
        if (bridge_peer_failed(guard.number))
            bridge_leave("peer", "before the call");
        result = Py_TYPE(function)->tp_call(function, arguments, NULL); /* PyObject_Call has bookkeeping a jump skips */
    } else {
        land(guard.thread);
    }
    int signalled = bridge_leave_call(guard.outer);
    current = guard.outer;
    bridge_external_swap(guard.external);
    end_floating(&guard);
    if (guard.outer)
        begin_floating(guard.outer->options);
    if (signalled && !failure.kind) {
        failure.kind = "interrupt";
        failure.depth = 0;
        snprintf(failure.message, MESSAGE_LENGTH, "%d", signalled);
        Py_CLEAR(result);
        PyErr_Clear();
    }
    if (bridge_callback_pending && !failure.kind && result) {
        failure.kind = "callback"; /* Fortran did not pass it on */
        failure.message[0] = '\0';
        failure.depth = 0;
        Py_CLEAR(result);
    }
    if (guard.noted && !failure.kind && result) {
        failure.kind = "floating";
        failure.depth = 0;
        describe_notes(guard.noted, failure.message, MESSAGE_LENGTH);
        Py_CLEAR(result);
    }
    if (failure.kind)
        raise_failure();
    failure.kind = NULL;
    return result;
}

static void last_words(void)
{
    bridge_end_if_elsewhere("Fortran ended the process");
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

static PyMethodDef methods[] = {
    {"can_trap", can_trap, METH_NOARGS, "can_trap(): whether this processor stops at a floating-point error"},
    {"set_exit_hook", set_exit_hook, METH_O, "set_exit_hook(function): called when Fortran ends the process"},
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
