/*
 * A signal of the process, told to the thread that asks, whatever the other threads do.
 *
 * Not signalfd(2): that wants the signal blocked in every thread, and V8 has started threads that block nothing before any of our code
 * runs. So a handler, which the kernel may run on any thread, also on one that computes, sends one octet through a pair of sockets.
 * Then it calls the handler that was there before, libuv's: process.on() in the main thread goes on working.
 *
 * This is the one thing here that environments share, since a process has one handler for a signal. The sending end is never closed,
 * only replaced in one step (dup3), since the handler may be running at any time.
 */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static int watched = 0;
static int write_end = -1;
static struct sigaction before;

/* Only what signal-safety(7) allows. */
static void on_signal(int number, siginfo_t *info, void *context) {
  int saved = errno;
  bool told = send(write_end, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN;
  /* Node's own handler, which is for one time, ends the process as the default does: not while somebody listens here. */
  bool ends = before.sa_handler == SIG_DFL || (before.sa_flags & SA_RESETHAND);
  if (ends && !told) {
    /* It happens when this handler returns. */
    sigaction(number, &before, NULL);
    raise(number);
  } else if (!ends && (before.sa_flags & SA_SIGINFO)) {
    before.sa_sigaction(number, info, context);
  } else if (!ends && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  }
  errno = saved;
}

static int install(int number) {
  struct sigaction now, ours = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigfillset(&ours.sa_mask);
  if (sigaction(number, NULL, &now) < 0) return -errno;
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal) return 0;
  before = now;
  return sigaction(number, &ours, NULL) < 0 ? -errno : 0;
}

static int change_mask(int how, int number) {
  sigset_t set;
  sigemptyset(&set);
  if (sigaddset(&set, number) < 0) return -errno;
  return -pthread_sigmask(how, &set, NULL);
}

static int open_signal(int number) {
  int ends[2];
  if (watched != 0 && watched != number) return -EBUSY;
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  if (write_end < 0) {
    write_end = ends[1];
  } else {
    dup3(ends[1], write_end, O_CLOEXEC);
    close(ends[1]);
  }
  int result = install(number);
  if (result == 0) result = change_mask(SIG_UNBLOCK, number);
  if (result < 0) {
    close(ends[0]);
    return result;
  }
  watched = number;
  return ends[0];
}

/* A descriptor on which a datagram arrives for each signal of that number (fewer when they come faster than they are read). */
int signal_open(int number) {
  pthread_mutex_lock(&opening);
  int fd = open_signal(number);
  pthread_mutex_unlock(&opening);
  return fd;
}

/* The kernel gives the signal to other threads than this one, so that it need not wait while this one waits for a disk. */
int signal_avoid(int number) { return change_mask(SIG_BLOCK, number); }
