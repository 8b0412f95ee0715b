/* Leaving a long call into Fortran before it ends by itself: Ctrl-C, SIGTERM, or the failure of another rank.
 *
 * Python's own handler only makes a note that is read when Fortran has returned. Here the handler looks where it struck: in
 * the model's own code nothing else holds a lock or waits for a message, so it jumps to the guard. Inside a library (MPI,
 * the allocator, a read) it tries again 100 times a second and, if the library does not return in time, ends the process
 * with the Python stack. While Python itself runs its own handlers are called, as without the bridge.
 */
#define _GNU_SOURCE
#include "bridge.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { TICKS_PER_SECOND = 100 };
enum { PATIENCE_INTERRUPT = 200, PATIENCE_TERMINATE = 10, PATIENCE_PEER = 20 }; /* in ticks */
static const int tick = SIGURG; /* ignored by whoever does not know it */
static int dump;                /* its handler, Python's faulthandler, prints the Python stack */

/* Shared with the handler, which may run on any thread, and with the listening thread. What belongs to a value is written
 * before it (the runner before `running`, the rank before its number), which a processor with weak ordering (aarch64) has to
 * be told. */
static _Atomic(struct guard *) running; /* NULL while Python runs */
static _Atomic(pthread_t) runner;
static volatile int depth; /* guarded calls within each other, including those that have called Python */
static atomic_int wanted;  /* SIGINT or SIGTERM, not yet obeyed */
static _Atomic(int64_t) peer_number; /* the call in which another rank failed */
static atomic_int peer_rank, ticks, stuck, end_code;
static timer_t timer;
static bool has_timer;
static void *own_base; /* where this module lies */
static struct sigaction former[2], former_tick; /* of SIGINT and SIGTERM, Python's or another model's; of `tick` */

static void set_timer(bool on)
{
    struct itimerspec interval = {.it_interval.tv_nsec = on ? 1000000000L / TICKS_PER_SECOND : 0};
    interval.it_value = interval.it_interval;
    if (has_timer)
        timer_settime(timer, 0, &interval, NULL);
}

static bool has_failed_peer(const struct guard *guard)
{
    return guard && guard->number && guard->number == peer_number;
}

/* Whether the timer has something to look after. */
static bool is_awaited(const struct guard *guard)
{
    return guard && (wanted || has_failed_peer(guard));
}

/* Stop the timer, unless Fortran has been entered on another thread since the handler looked. */
static void rest(void)
{
    set_timer(false);
    if (is_awaited(running))
        set_timer(true);
}

void bridge_running(struct guard *guard)
{
    if (guard)
        atomic_store_explicit(&runner, pthread_self(), memory_order_relaxed);
    atomic_store_explicit(&running, guard, memory_order_release);
    if (guard && guard->number)
        atomic_thread_fence(memory_order_seq_cst); /* `running` has to be out before the failed peer's number is read */
    if (is_awaited(guard))
        set_timer(true);
}

void bridge_enter_call(struct guard *guard)
{
    depth++;
    bridge_running(guard);
}

int bridge_leave_call(struct guard *outer)
{
    int number = wanted;
    depth--;
    if (number)
        wanted = 0; /* a signal that came too late for a jump is obeyed here */
    bridge_running(outer);
    return number;
}

int bridge_peer_failed(int64_t number)
{
    return number && number == peer_number;
}

void bridge_set_peer_failed(int rank, int64_t number)
{
    if (number <= peer_number)
        return;
    peer_rank = rank;
    peer_number = number;
    ticks = 0;
    set_timer(true);
}

void bridge_forget_peers(void)
{
    peer_number = 0;
}

int bridge_is_stuck(void)
{
    return stuck ? peer_rank + 1 : 0;
}

int bridge_end_code(void)
{
    return end_code;
}

/* Whether the interrupted instruction lies in this shared object: the model, the plugs or the bridge. */
static bool in_model(const void *context)
{
    const ucontext_t *state = context;
    Dl_info where;
#if defined(__x86_64__)
    void *instruction = (void *)state->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    void *instruction = (void *)state->uc_mcontext.pc;
#else
    void *instruction = NULL; /* elsewhere nothing is interrupted; the process ends after its patience */
    (void)state;
#endif
    return instruction && dladdr(instruction, &where) && where.dli_fbase == own_base;
}

static void chain(int number, siginfo_t *information, void *context)
{
    const struct sigaction *before = number == tick ? &former_tick : &former[number == SIGTERM];
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(number, information, context);
    } else if (before->sa_handler == SIG_DFL && number != tick) {
        sigaction(number, before, NULL);
        raise(number);
    } else if (before->sa_handler != SIG_IGN && before->sa_handler != SIG_DFL) {
        before->sa_handler(number);
    }
}

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void print_python_stack(void)
{
    if (!running)
        return;
    say("Python was here:\n");
    pthread_kill(runner, dump);
    if (!pthread_equal(runner, pthread_self()))
        usleep(50000);
}

/* The library does not return. Another rank's failure is answered by the listening thread, which may use MPI. */
static void give_up(void)
{
    set_timer(false);
    if (!wanted) {
        stuck = 1;
        return;
    }
    say(wanted == SIGINT ? "interrupted inside a library that does not return; " : "terminated inside a library that "
                                                                                   "does not return; ");
    print_python_stack();
    if (wanted == SIGTERM || !bridge_listens()) /* whoever terminates one rank ends the others as well */
        _exit(128 + (int)wanted);
    end_code = 128 + (int)wanted;
}

/* Whether a signal that strikes in a callback is kept until Fortran has it back: Python would end the process at once. */
static bool is_ours(int number)
{
    const struct sigaction *before = &bridge_process()->before[number == SIGTERM];
    return depth > 0 && !(before->sa_flags & SA_SIGINFO) && before->sa_handler == SIG_DFL;
}

/* Whoever terminates a program of several ranks kills it a second later. */
static int patience(void)
{
    return !wanted ? PATIENCE_PEER : wanted == SIGTERM ? PATIENCE_TERMINATE : PATIENCE_INTERRUPT;
}

static void on_interrupt(int number, siginfo_t *information, void *context)
{
    struct guard *guard = running;
    if (number != tick) {
        if (!guard && !is_ours(number)) {
            chain(number, information, context);
            return;
        }
        if (stuck)
            _exit(128 + number); /* all ranks are being ended */
        if (!wanted) {
            wanted = number;
            ticks = 0;
            set_timer(true);
        }
    } else if (information->si_value.sival_ptr != &timer) { /* another model's, or not of the bridge */
        chain(number, information, context);
        return;
    } else if (!wanted && !has_failed_peer(guard)) {
        rest();
        return;
    }
    if (!guard) { /* Fortran has returned or called Python */
        int waiting = wanted;
        rest();
        if (waiting && !is_ours(waiting)) {
            wanted = 0;
            chain(waiting, NULL, NULL);
        }
    } else if (!pthread_equal(pthread_self(), runner)) {
        pthread_sigqueue(runner, tick, (union sigval){.sival_ptr = &timer});
    } else if (in_model(context)) {
        int reason = wanted;
        wanted = 0;
        set_timer(false);
        if (reason)
            bridge_leave("interrupt", "%d", reason);
        bridge_leave("peer", "%d", peer_rank);
    } else if (++ticks == patience()) {
        give_up();
    }
}

void bridge_end(const char *message, int code)
{
    say(message);
    say("; ");
    print_python_stack();
    bridge_abort_ranks(code);
    _exit(code);
}

void bridge_end_if_elsewhere(const char *text)
{
    if (!running || pthread_equal(pthread_self(), runner))
        return;
    char message[1200];
    snprintf(message, sizeof message, "%s (on a thread that Python did not call, where it cannot be caught)", text);
    bridge_end(message, 1);
}

static PyObject *catch_signals(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    struct sigaction action = {.sa_sigaction = on_interrupt, .sa_flags = SA_SIGINFO}, present;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = tick, .sigev_value.sival_ptr = &timer};
    struct bridge_process *process = bridge_process();
    Dl_info where;
    int all;
    if (!PyArg_ParseTuple(arguments, "ip", &dump, &all))
        return NULL;
    if (dladdr((void *)catch_signals, &where))
        own_base = where.dli_fbase;
    has_timer = has_timer || timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
    for (int i = 0; all && i < 2; i++) {
        sigaction(i ? SIGTERM : SIGINT, NULL, &present);
        if (present.sa_sigaction == on_interrupt || present.sa_handler == SIG_IGN) /* ignored, as under nohup */
            continue;
        former[i] = present;
        if (!process->has_before[i]) {
            process->before[i] = present;
            process->has_before[i] = 1;
        }
        sigaction(i ? SIGTERM : SIGINT, &action, NULL);
    }
    action.sa_flags |= SA_RESTART;
    sigaction(tick, &action, &present);
    if (present.sa_sigaction != on_interrupt)
        former_tick = present;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"catch_signals", catch_signals, METH_VARARGS,
     "catch_signals(dump, all): signal `dump` prints the Python stack; SIGINT and SIGTERM interrupt Fortran if `all`"},
    {NULL, NULL, 0, NULL},
};

int bridge_add_interrupts(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
