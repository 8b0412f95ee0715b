/* A plug as a function of Python: model.tool_step(dt).
 *
 * The common case does not leave C: a model on one rank, whole, whose plug succeeds. Where ranks have to agree, where the
 * model is broken or the plug fails, Python decides (model.py): `otherwise` makes the whole call, `failed` says what a
 * failure means. The type is one per module, as the model is.
 */
#include "bridge.h"
#include <stddef.h>
#include <structmember.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *function, *name;    /* f2py's; its name in Python */
    PyObject *otherwise, *failed; /* otherwise(*arguments), failed(exception) */
    int options;                  /* OPTION_... */
    int coded;                    /* whether its last output is an error code */
} plug_object;

static int direct; /* whether calls may go straight to Fortran */

/* f2py's outputs without the error code: None, one value or a tuple. Raises if it is not 0. Steals the reference. */
static PyObject *without_code(PyObject *outputs)
{
    Py_ssize_t count = PyTuple_Check(outputs) ? PyTuple_GET_SIZE(outputs) - 1 : 0;
    PyObject *code = PyTuple_Check(outputs) ? PyTuple_GET_ITEM(outputs, count) : outputs, *values = NULL;
    int failed = PyObject_IsTrue(code);
    if (failed > 0)
        bridge_raise_code(code);
    else if (!failed)
        values = count == 0   ? Py_NewRef(Py_None)
                 : count == 1 ? Py_NewRef(PyTuple_GET_ITEM(outputs, 0))
                              : PyTuple_GetSlice(outputs, 0, count);
    Py_DECREF(outputs);
    return values;
}

static PyObject *guarded(plug_object *plug, PyObject *arguments, int64_t number)
{
    PyObject *outputs = bridge_call(plug->function, arguments, plug->options, number);
    return outputs && plug->coded ? without_code(outputs) : outputs;
}

/* The exception that is set, as the model's. */
static PyObject *explain(plug_object *plug)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    PyObject *result = PyObject_CallOneArg(plug->failed, value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return result;
}

static PyObject *call_plug(PyObject *self, PyObject *const *given, size_t flagged, PyObject *names)
{
    plug_object *plug = (plug_object *)self;
    Py_ssize_t count = PyVectorcall_NARGS(flagged);
    if (names && PyTuple_GET_SIZE(names))
        return PyErr_Format(PyExc_TypeError, "%U() takes no keyword arguments", plug->name);
    if (!direct)
        return PyObject_Vectorcall(plug->otherwise, given, (size_t)count, NULL);
    PyObject *arguments = PyTuple_New(count);
    for (Py_ssize_t i = 0; arguments && i < count; i++)
        PyTuple_SET_ITEM(arguments, i, Py_NewRef(given[i]));
    PyObject *outputs = arguments ? guarded(plug, arguments, 0) : NULL;
    Py_XDECREF(arguments);
    return outputs ? outputs : explain(plug);
}

/* attempt(arguments, number): the call by itself; number: of the call, the same on all ranks. */
static PyObject *attempt(PyObject *self, PyObject *const *given, Py_ssize_t count)
{
    if (count != 2 || !PyTuple_Check(given[0]))
        return PyErr_Format(PyExc_TypeError, "attempt(arguments, number)");
    long long number = PyLong_AsLongLong(given[1]);
    return number == -1 && PyErr_Occurred() ? NULL : guarded((plug_object *)self, given[0], number);
}

static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *Py_UNUSED(keywords))
{
    PyObject *function, *name, *otherwise, *failed;
    int coded;
    if (!PyArg_ParseTuple(arguments, "OUpOO", &function, &name, &coded, &otherwise, &failed))
        return NULL;
    if (!Py_TYPE(function)->tp_call)
        return PyErr_Format(PyExc_TypeError, "%R is not a plug", function);
    plug_object *plug = (plug_object *)type->tp_alloc(type, 0);
    if (!plug)
        return NULL;
    plug->vectorcall = call_plug;
    plug->function = Py_NewRef(function);
    plug->name = Py_NewRef(name);
    plug->otherwise = Py_NewRef(otherwise);
    plug->failed = Py_NewRef(failed);
    plug->coded = coded;
    return (PyObject *)plug;
}

static int visit_all(PyObject *self, visitproc visit, void *arg)
{
    plug_object *plug = (plug_object *)self;
    Py_VISIT(plug->function);
    Py_VISIT(plug->otherwise);
    Py_VISIT(plug->failed);
    return 0;
}

static int clear(PyObject *self)
{
    plug_object *plug = (plug_object *)self;
    Py_CLEAR(plug->function);
    Py_CLEAR(plug->otherwise);
    Py_CLEAR(plug->failed);
    return 0;
}

static void destroy(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    clear(self);
    Py_XDECREF(((plug_object *)self)->name);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *documentation(PyObject *self, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString(((plug_object *)self)->function, "__doc__");
}

static PyMethodDef plug_methods[] = {
    {"attempt", (PyCFunction)(void (*)(void))attempt, METH_FASTCALL, "attempt(arguments, number)"},
    {NULL, NULL, 0, NULL},
};
static PyMemberDef plug_members[] = {
    {"__name__", T_OBJECT, offsetof(plug_object, name), READONLY, NULL},
    {"options", T_INT, offsetof(plug_object, options), 0, "floating-point traps, way of unwinding; see bridge.h"},
    {"coded", T_BOOL, offsetof(plug_object, coded), READONLY, "whether the last output is an error code"},
    {NULL, 0, 0, 0, NULL},
};
static PyGetSetDef plug_properties[] = {
    {"__doc__", documentation, NULL, "f2py's description of its arguments", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyTypeObject plug_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "_bridge.Plug",
    .tp_basicsize = sizeof(plug_object),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_vectorcall_offset = offsetof(plug_object, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_new = make,
    .tp_dealloc = destroy,
    .tp_traverse = visit_all,
    .tp_clear = clear,
    .tp_methods = plug_methods,
    .tp_members = plug_members,
    .tp_getset = plug_properties,
};

static PyObject *set_direct(PyObject *Py_UNUSED(module), PyObject *on)
{
    int value = PyObject_IsTrue(on);
    if (value < 0)
        return NULL;
    direct = value;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"set_direct", set_direct, METH_O, "set_direct(on): whether calls of plugs may go straight to Fortran"},
    {NULL, NULL, 0, NULL},
};

int bridge_add_plug(PyObject *module)
{
    if (PyType_Ready(&plug_type) < 0)
        return -1;
    Py_INCREF(&plug_type);
    if (PyModule_AddObject(module, "Plug", (PyObject *)&plug_type) < 0)
        return -1;
    return PyModule_AddFunctions(module, methods);
}
