/* Fortran-callable Python: the handler that callback_mod calls, and the extension module `_bridge` around it.
 *
 * Each array becomes a NumPy view in Fortran order; nothing is copied. The first exception is kept and the call returns
 * CALLBACK_FAILED, so that Fortran unwinds as after any error of its own; until Python has fetched the exception, further
 * callbacks are refused. A view is valid during its call alone: one that is kept is found by its reference count,
 * given a copy of the values, so that it never points at memory that Fortran has freed, and reported as an error.
 */
#include "bridge.h"
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <numpy/arrayobject.h>

static PyObject *functions[MAX_CALLBACKS + 1]; /* by the number of callback_mod */
static PyObject *first_exception;

static void keep_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    Py_XSETREF(first_exception, value);
}

PyObject *bridge_take_exception(void)
{
    PyObject *value = first_exception;
    first_exception = NULL;
    return value;
}

static PyObject *view_of(const struct callback_array *array)
{
    static const int types[] = {0, NPY_FLOAT64, NPY_FLOAT32, NPY_INT32};
    npy_intp extents[MAX_RANK];
    for (int i = 0; i < array->rank; i++)
        extents[i] = (npy_intp)array->extents[i];
    return PyArray_New(&PyArray_Type, array->rank, extents, types[array->element], NULL, array->data, 0,
                       array->writable ? NPY_ARRAY_FARRAY : NPY_ARRAY_FARRAY_RO, NULL);
}

/* Let a view that outlives its call own a copy of the values. */
static int detach(PyObject *view)
{
    PyObject *copy = PyArray_NewCopy((PyArrayObject *)view, NPY_FORTRANORDER);
    if (!copy)
        return -1;
    ((PyArrayObject_fields *)view)->data = PyArray_DATA((PyArrayObject *)copy);
    return PyArray_SetBaseObject((PyArrayObject *)view, copy);
}

/* Drop the views; detach those that someone still holds. Returns how many that were, -1 on error. */
static int release(PyObject **views, int count)
{
    int kept = 0, collected = 0;
    for (int i = 0; i < count; i++) {
        if (Py_REFCNT(views[i]) > 1 && !collected && !PyErr_Occurred()) {
            PyGC_Collect(); /* a cycle that holds the view is not somebody who keeps it */
            collected = 1;
        }
        if (Py_REFCNT(views[i]) > 1) {
            PyObject *type, *value, *traceback;
            PyErr_Fetch(&type, &value, &traceback);
            int failed = detach(views[i]);
            if (type)
                PyErr_Restore(type, value, traceback); /* the callback's own exception goes first */
            else if (failed)
                kept = -1;
            kept = kept < 0 ? kept : kept + 1;
        }
        Py_DECREF(views[i]);
    }
    return kept;
}

static int call_python(int id, int count, const struct callback_array *arrays)
{
    PyObject *views[count > 0 ? count : 1];
    PyObject *function = functions[id], *result = NULL;
    int made = 0;

    Py_INCREF(function); /* it may replace itself */
    while (made < count && (views[made] = view_of(&arrays[made])))
        made++;
    if (made == count)
        result = PyObject_Vectorcall(function, views, (size_t)count, NULL);
    Py_XDECREF(result);
    int kept = release(views, made);
    if (result && kept > 0)
        PyErr_Format(PyExc_RuntimeError,
                     "callback %R kept %d array(s) beyond its call, where Fortran may free or change them; "
                     "keep a copy instead: x.copy()", function, kept);
    Py_DECREF(function);
    return PyErr_Occurred() ? -1 : 0;
}

static int trampoline(int id, int count, const struct callback_array *arrays)
{
    if (!bridge_is_guarded()) /* waiting for the lock that the calling thread holds would never end */
        return CALLBACK_WRONG_THREAD;
    if (first_exception)
        return CALLBACK_FAILED;
    PyGILState_STATE gil = PyGILState_Ensure();
    struct guard *guard = bridge_enter_python();
    int rc = CALLBACK_OK;
    if (call_python(id, count, arrays) < 0) {
        keep_exception();
        rc = CALLBACK_FAILED;
    }
    bridge_leave_python(guard);
    PyGILState_Release(gil);
    return rc;
}

static PyObject *register_function(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    const char *name;
    Py_ssize_t length;
    PyObject *function;
    if (!PyArg_ParseTuple(arguments, "s#O", &name, &length, &function))
        return NULL;
    int id = bridge_callback_register(name, (int)length, function == Py_None ? NULL : trampoline);
    if (id == 0)
        return PyErr_Format(PyExc_ValueError,
                            "cannot register callback %s: at most %d callbacks with names of at most %d characters",
                            name, MAX_CALLBACKS, NAME_LENGTH);
    Py_INCREF(function);
    Py_XSETREF(functions[id], function);
    return PyLong_FromLong(id);
}

static PyObject *take_exception(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    PyObject *value = bridge_take_exception();
    if (!value)
        Py_RETURN_NONE;
    return value;
}

static PyMethodDef methods[] = {
    {"register", register_function, METH_VARARGS, "register(name, function): function None withdraws the name"},
    {"take_exception", take_exception, METH_NOARGS, "take_exception(): the first exception of a callback, or None"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_bridge", "Callbacks into Python and the guard of one Fortran model.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__bridge(void)
{
    import_array();
    PyObject *module = PyModule_Create(&definition);
    if (module && bridge_add_guard(module) < 0)
        Py_CLEAR(module);
    return module;
}
