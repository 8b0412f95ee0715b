/* A thread that listens for failures of other ranks while this one is inside Fortran.
 *
 * A rank that failed sends the number of the call to all others (agreement.py). This thread receives it and has the guarded
 * thread interrupted; if that is stuck inside MPI it tells the failed rank, which shows its error and aborts the program.
 * Needs MPI_THREAD_MULTIPLE, mpi4py's default. The thread ends when MPI_Finalize begins. */
#include "bridge.h"
#if __has_include(<mpi.h>)
#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum { TAG_FAILED = 1, TAG_STUCK = 2 }; /* agreement.py has the same */

static MPI_Comm comm = MPI_COMM_NULL;
static pthread_t listener;
static atomic_bool listening;

static void pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

static void answer(int failed)
{
    char message[200];
    int rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Send(NULL, 0, MPI_BYTE, failed, TAG_STUCK, comm);
    snprintf(message, sizeof message, "rank %d: waits inside a library for rank %d, which has failed", rank, failed);
    bridge_end(message, 1);
}

static void *listen_for_failures(void *Py_UNUSED(nothing))
{
    while (listening) {
        MPI_Status status;
        int found = 0;
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_FAILED, comm, &found, &status);
        if (found) {
            int64_t number;
            MPI_Recv(&number, 1, MPI_INT64_T, status.MPI_SOURCE, TAG_FAILED, comm, MPI_STATUS_IGNORE);
            bridge_set_peer_failed(status.MPI_SOURCE, number);
            continue;
        }
        if (bridge_is_stuck())
            answer(bridge_is_stuck() - 1);
        if (bridge_end_code())
            MPI_Abort(comm, bridge_end_code());
        pause_for(0.02);
    }
    return NULL;
}

static void stop_listening(void)
{
    if (listening) {
        listening = false;
        pthread_join(listener, NULL);
    }
}

static int on_finalize(MPI_Comm self, int key, void *value, void *state)
{
    (void)self, (void)key, (void)value, (void)state;
    stop_listening();
    return MPI_SUCCESS;
}

/* listen(fcomm): whether failures of other ranks will be heard; fcomm is used by nobody else. */
static PyObject *start_listening(PyObject *Py_UNUSED(module), PyObject *handle)
{
    int provided = 0, key;
    static bool registered;
    long fcomm = PyLong_AsLong(handle);
    if (fcomm == -1 && PyErr_Occurred())
        return NULL;
    MPI_Query_thread(&provided);
    if (provided < MPI_THREAD_MULTIPLE)
        Py_RETURN_FALSE;
    stop_listening();
    bridge_forget_peers();
    comm = MPI_Comm_f2c((MPI_Fint)fcomm);
    if (!registered) {
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, on_finalize, &key, NULL);
        MPI_Comm_set_attr(MPI_COMM_SELF, key, NULL); /* deleted first of all by MPI_Finalize */
        registered = true;
    }
    listening = true;
    if (pthread_create(&listener, NULL, listen_for_failures, NULL) != 0)
        listening = false;
    return PyBool_FromLong(listening);
}

static PyObject *end_listening(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    stop_listening();
    Py_RETURN_NONE;
}

int bridge_listens(void)
{
    return listening;
}

void bridge_abort_ranks(int code)
{
    int initialized = 0, finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized)
        MPI_Abort(MPI_COMM_WORLD, code);
}

static PyMethodDef methods[] = {
    {"listen", start_listening, METH_O, "listen(fcomm): hear of other ranks' failures; False where MPI cannot"},
    {"end_listening", end_listening, METH_NOARGS, "end_listening()"},
    {NULL, NULL, 0, NULL},
};

int bridge_add_watch(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}

#else /* a model without MPI */

int bridge_listens(void)
{
    return 0;
}

void bridge_abort_ranks(int code)
{
    (void)code;
}

int bridge_add_watch(PyObject *module)
{
    (void)module;
    return 0;
}
#endif
