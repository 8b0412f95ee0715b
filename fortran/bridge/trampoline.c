/* Fortran-callable Python: the handler that callback_mod calls, and the extension module `_bridge` around it.
 *
 * Each array becomes a NumPy view in Fortran order, a section one with its strides; nothing is copied. Scalars passed by
 * value and texts become Python's own. The first exception is kept and the call returns CALLBACK_FAILED, so that Fortran
 * unwinds as after any error of its own (or, if asked to, jumps to the guard); until Python has fetched the exception,
 * further callbacks are refused. A view is valid during its call alone: one that is kept is found by its reference count,
 * given a copy of the values, so that it never points at memory that Fortran has freed, and reported as an error.
 */
#include "bridge.h"
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL bridge_ARRAY_API
#include <numpy/arrayobject.h>
#include <string.h>

static PyObject *functions[MAX_CALLBACKS + 1]; /* by the number of callback_mod */
static PyObject *first_exception;

void bridge_keep_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (first_exception) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
        return;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    first_exception = value;
    bridge_callback_pending = 1;
}

PyObject *bridge_take_exception(void)
{
    PyObject *value = first_exception;
    first_exception = NULL;
    bridge_callback_pending = 0;
    return value;
}

static PyObject *view_of(const struct callback_array *array)
{
    static const int types[] = {0, NPY_FLOAT64, NPY_FLOAT32, NPY_INT32};
    npy_intp extents[MAX_RANK], strides[MAX_RANK];
    for (int i = 0; i < array->rank; i++)
        extents[i] = (npy_intp)array->extents[i];
    if (array->contiguous)
        return PyArray_New(&PyArray_Type, array->rank, extents, types[array->element], NULL, array->data, 0,
                           array->writable ? NPY_ARRAY_FARRAY : NPY_ARRAY_FARRAY_RO, NULL);
    for (int i = 0; i < array->rank; i++)
        strides[i] = (npy_intp)array->strides[i];
    return PyArray_New(&PyArray_Type, array->rank, extents, types[array->element], strides, array->data, 0,
                       array->writable ? NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE : NPY_ARRAY_ALIGNED, NULL);
}

static PyObject *object_of(const struct callback_array *argument)
{
    switch (argument->element) {
    case KIND_TEXT:
        return PyUnicode_DecodeUTF8(argument->text, argument->text_length, "surrogateescape");
    case KIND_REAL:
        return PyFloat_FromDouble(argument->real);
    case KIND_INTEGER:
        return PyLong_FromLongLong(argument->integer);
    case KIND_LOGICAL:
        return PyBool_FromLong(argument->integer != 0);
    default:
        return view_of(argument);
    }
}

/* Names of the arguments that have one: they become keywords, which have to be the last. NULL without an exception: none. */
static PyObject *keywords_of(int count, const struct callback_array *arguments)
{
    int first = 0;
    while (first < count && !arguments[first].label_length)
        first++;
    PyObject *names = first < count ? PyTuple_New(count - first) : NULL;
    for (int i = first; names && i < count; i++) {
        PyObject *name = PyUnicode_FromStringAndSize(arguments[i].label, arguments[i].label_length);
        if (!name || !arguments[i].label_length) {
            if (name)
                PyErr_Format(PyExc_TypeError, "argument %d of the callback has no name, but one before it has", i + 1);
            Py_XDECREF(name);
            Py_CLEAR(names);
            break;
        }
        PyTuple_SET_ITEM(names, i - first, name);
    }
    return names;
}

/* Let a view that outlives its call own a copy of the values. */
static int detach(PyObject *view)
{
    PyObject *copy = PyArray_NewCopy((PyArrayObject *)view, NPY_FORTRANORDER);
    if (!copy)
        return -1;
    PyArrayObject_fields *kept = (PyArrayObject_fields *)view;
    kept->data = PyArray_DATA((PyArrayObject *)copy);
    memcpy(kept->strides, PyArray_STRIDES((PyArrayObject *)copy), (size_t)kept->nd * sizeof *kept->strides);
    return PyArray_SetBaseObject((PyArrayObject *)view, copy);
}

/* Drop the arguments; detach views that someone still holds. Returns how many that were, -1 on error. */
static int release(PyObject **objects, int count)
{
    int kept = 0, collected = 0;
    for (int i = 0; i < count; i++) {
        int is_view = PyArray_CheckExact(objects[i]);
        if (is_view && Py_REFCNT(objects[i]) > 1 && !collected && !PyErr_Occurred()) {
            PyGC_Collect(); /* a cycle that holds the view is not somebody who keeps it */
            collected = 1;
        }
        if (is_view && Py_REFCNT(objects[i]) > 1) {
            PyObject *type, *value, *traceback;
            PyErr_Fetch(&type, &value, &traceback);
            int failed = detach(objects[i]);
            if (type)
                PyErr_Restore(type, value, traceback); /* the callback's own exception goes first */
            else if (failed)
                kept = -1;
            kept = kept < 0 ? kept : kept + 1;
        }
        Py_DECREF(objects[i]);
    }
    return kept;
}

static int call_python(int id, int count, const struct callback_array *arguments)
{
    PyObject *objects[count > 0 ? count : 1];
    PyObject *function = functions[id], *result = NULL;
    PyObject *keywords = keywords_of(count, arguments);
    int made = 0;

    Py_INCREF(function); /* it may replace itself */
    while (!PyErr_Occurred() && made < count && (objects[made] = object_of(&arguments[made])))
        made++;
    if (made == count && !PyErr_Occurred()) {
        Py_ssize_t positional = count - (keywords ? PyTuple_GET_SIZE(keywords) : 0);
        result = PyObject_Vectorcall(function, objects, (size_t)positional, keywords);
    }
    Py_XDECREF(keywords);
    Py_XDECREF(result);
    int kept = release(objects, made);
    if (result && kept > 0)
        PyErr_Format(PyExc_RuntimeError,
                     "callback %R kept %d array(s) beyond its call, where Fortran may free or change them; "
                     "keep a copy instead: x.copy()", function, kept);
    Py_DECREF(function);
    return PyErr_Occurred() ? -1 : 0;
}

static int trampoline(int id, int count, const struct callback_array *arguments)
{
    if (!bridge_current()) /* waiting for the lock that the calling thread holds would never end */
        return CALLBACK_WRONG_THREAD;
    if (first_exception)
        return CALLBACK_FAILED;
    struct guard *guard = bridge_enter_python();
    PyGILState_STATE gil = PyGILState_Ensure();
    int rc = CALLBACK_OK;
    if (call_python(id, count, arguments) < 0) {
        bridge_keep_exception();
        rc = CALLBACK_FAILED;
    }
    PyGILState_Release(gil);
    bridge_leave_python(guard);
    if (rc != CALLBACK_OK && guard->options & OPTION_UNWIND)
        bridge_leave("unwind", "a callback failed");
    return rc;
}

/* For callback_python.F90: the same after a failure of the f2py way. */
static void unwind(void)
{
    if (bridge_current() && bridge_current()->options & OPTION_UNWIND)
        bridge_leave("unwind", "a callback failed");
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
    if (module && (bridge_add_guard(module) < 0 || bridge_add_interrupts(module) < 0 || bridge_add_watch(module) < 0 ||
                   bridge_add_external(module) < 0 || bridge_add_plug(module) < 0 || bridge_add_mpi_errors(module) < 0 ||
                   bridge_add_process(module) < 0))
        Py_CLEAR(module);
    bridge_unwinder = unwind;
    return module;
}
