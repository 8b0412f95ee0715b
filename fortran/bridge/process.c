/* What the models of one process share, each of which has a copy of this code: signals, MPI's error handler, and the settings
 * of the Fortran run-time library, which a Fortran main program would have made once. Every model has its own settings, made
 * anew where another model has run in between.
 */
#include "bridge.h"
#include <stdlib.h>
#include <string.h>

static struct bridge_process alone, *process = &alone;
static int conversion, count;
static char **arguments;

struct bridge_process *bridge_process(void)
{
    return process;
}

void bridge_leave_running(const char *kind, const char *text)
{
    for (int i = 0; i < process->count; i++)
        if (process->members[i].current())
            process->members[i].leave(kind, "%s", text);
}

/* share(address): join the process whose first model returned this address, 0 for the first; its address. */
static PyObject *share(PyObject *Py_UNUSED(module), PyObject *address)
{
    struct bridge_process *found = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return NULL;
    process = found ? found : &alone;
    if (process->count == MAX_MODELS)
        return PyErr_Format(PyExc_RuntimeError, "more than %d models in one process", MAX_MODELS);
    process->members[process->count++] = (struct bridge_member){bridge_current, bridge_leave};
    return PyLong_FromVoidPtr(process);
}

#ifdef BRIDGE_GFORTRAN
void _gfortran_set_convert(int);
void _gfortran_set_args(int, char **);

void bridge_own_settings(void)
{
    if (process->active == &arguments)
        return;
    process->active = &arguments;
    _gfortran_set_convert(conversion);
    _gfortran_set_args(count, arguments);
}

/* set_runtime(mode, list): byte order (libgfortran: 0 native, 1 swap, 2 big endian, 3 little endian), command line. */
static PyObject *set_runtime(PyObject *Py_UNUSED(module), PyObject *given)
{
    PyObject *list;
    if (!PyArg_ParseTuple(given, "iO!", &conversion, &PyList_Type, &list))
        return NULL;
    count = (int)PyList_GET_SIZE(list);
    arguments = calloc((size_t)count + 1, sizeof *arguments); /* libgfortran keeps it for good */
    if (!arguments)
        return PyErr_NoMemory();
    for (int i = 0; i < count; i++) {
        const char *text = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (!text || !(arguments[i] = strdup(text)))
            return NULL;
    }
    process->active = NULL;
    Py_RETURN_NONE;
}
#else
void bridge_own_settings(void)
{
}
#endif

static PyMethodDef methods[] = {
    {"share", share, METH_O, "share(address): of what the first model of the process returned, or 0"},
#ifdef BRIDGE_GFORTRAN
    {"set_runtime", set_runtime, METH_VARARGS, "set_runtime(mode, list): byte order of files; get_command_argument"},
#endif
    {NULL, NULL, 0, NULL},
};

int bridge_add_process(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
