/* f2py's own way to call Python, a plug with an `external` argument, made safe.
 *
 * f2py lets an exception jump over the Fortran frames. Here the function that f2py calls keeps the exception instead and
 * returns, so that Fortran learns of it from `callback_python_call`; after a failure no further call reaches Python. */
#include "bridge.h"
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define NO_IMPORT_ARRAY
#define PY_ARRAY_UNIQUE_SYMBOL bridge_ARRAY_API
#include <numpy/arrayobject.h>

/* Views that are held by more than the tuple after the call were kept. */
static int kept_views(PyObject *arguments, const Py_ssize_t *before)
{
    int kept = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments); i++) {
        PyObject *view = PyTuple_GET_ITEM(arguments, i);
        kept += PyArray_Check(view) && Py_REFCNT(view) > before[i];
    }
    return kept;
}

static PyObject *call_function(PyObject *function, PyObject *arguments)
{
    Py_ssize_t count = PyTuple_GET_SIZE(arguments);
    Py_ssize_t before[count > 0 ? count : 1];
    struct guard *guard = bridge_enter_python();
    for (Py_ssize_t i = 0; i < count; i++)
        before[i] = Py_REFCNT(PyTuple_GET_ITEM(arguments, i));
    PyObject *result = PyObject_CallObject(function, arguments);
    int kept = result ? kept_views(arguments, before) : 0;
    if (kept)
        PyErr_Format(PyExc_RuntimeError,
                     "callback %R kept %d array(s) beyond its call, where Fortran may free or change them; "
                     "keep a copy instead: x.copy()", function, kept);
    if (PyErr_Occurred()) {
        Py_XDECREF(result);
        bridge_keep_exception();
        result = Py_NewRef(Py_None);
    }
    bridge_leave_python(guard);
    return result;
}

/* self: the function and how many arguments it takes. f2py passes the length of an array as well, which few want. */
static PyObject *call_shielded(PyObject *self, PyObject *all)
{
    PyObject *function = PyTuple_GET_ITEM(self, 0), *arguments;
    Py_ssize_t limit = PyLong_AsSsize_t(PyTuple_GET_ITEM(self, 1));
    if (bridge_callback_pending)
        Py_RETURN_NONE;
    if (!(arguments = PyTuple_GetSlice(all, 0, limit)))
        return NULL;
    PyObject *result = call_function(function, arguments);
    Py_DECREF(arguments);
    return result;
}

static PyMethodDef shielded = {"shielded", call_shielded, METH_VARARGS, "a Python function as f2py may call it"};

static PyObject *shield(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    PyObject *function;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(arguments, "On", &function, &limit))
        return NULL;
    return PyCFunction_New(&shielded, arguments); /* which holds it */
}

static PyMethodDef methods[] = {
    {"shield", shield, METH_VARARGS, "shield(function, limit): what to pass to a plug's `external` argument"},
    {NULL, NULL, 0, NULL},
};

int bridge_add_external(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
