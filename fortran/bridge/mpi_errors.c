/* Errors that MPI finds in the model's calls: a message to a rank that is not there, a buffer that is too short.
 *
 * In a Fortran program they end the program, so hardly a code looks at `ierr`. mpi4py lets MPI return codes instead, and the
 * model would go on with what it has. The handler below leaves Fortran as after any run-time error, and returns where Python
 * has made the call, since mpi4py raises the exception then. It jumps out of Open MPI, which calls it last of all; other
 * libraries may hold a lock, so there it ends the program, as in a Fortran program but with the Python stack.
 */
#include "bridge.h"
#if __has_include(<mpi.h>)
#include <mpi.h>
#include <stdio.h>

static MPI_Errhandler handler = MPI_ERRHANDLER_NULL;

static void on_error(MPI_Comm *comm, int *code, ...)
{
    char text[MPI_MAX_ERROR_STRING + 8] = "MPI: ";
    int length;
    (void)comm;
    MPI_Error_string(*code, text + 5, &length);
#ifdef OPEN_MPI
    bridge_leave_running("error", text);
#else
    for (int i = 0; i < bridge_process()->count; i++)
        if (bridge_process()->members[i].current())
            bridge_end(text, 1);
#endif
}

/* catch_mpi_errors(fcomm): on this communicator and those made from it, unless errors are to be fatal on it. */
static PyObject *catch_mpi_errors(PyObject *Py_UNUSED(module), PyObject *handle)
{
    MPI_Errhandler present;
    long fcomm = PyLong_AsLong(handle);
    if (fcomm == -1 && PyErr_Occurred())
        return NULL;
    if (handler == MPI_ERRHANDLER_NULL)
        MPI_Comm_create_errhandler(on_error, &handler);
    MPI_Comm comm = MPI_Comm_f2c((MPI_Fint)fcomm);
    MPI_Comm_get_errhandler(comm, &present);
    if (present == MPI_ERRORS_RETURN)
        MPI_Comm_set_errhandler(comm, handler);
    MPI_Errhandler_free(&present);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"catch_mpi_errors", catch_mpi_errors, METH_O, "catch_mpi_errors(fcomm): MPI's errors in Fortran are exceptions"},
    {NULL, NULL, 0, NULL},
};

int bridge_add_mpi_errors(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}

#else /* a model without MPI */

int bridge_add_mpi_errors(PyObject *module)
{
    (void)module;
    return 0;
}
#endif
