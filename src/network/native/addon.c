/*
 * The system calls that Node does not offer: sockets of any family as file descriptors, their options, one datagram in or
 * out, TCP (stream.c), datagrams that know their hops (hops.c), readiness in Node's event loop (poller.c), and a signal as a
 * datagram (signal.c). No protocol lives here; TypeScript decides everything.
 *
 * Every call returns 0, a length or a file descriptor, or -errno; none throws for what the kernel says. (A wrong type of argument
 * is a bug of the caller and throws a TypeError.) Nothing but the handler of signal.c is shared between environments, so each
 * worker thread may load it.
 * An environment owns the descriptors that it opened: they are closed when it ends, also by worker.terminate(), and a number
 * that is not among them is refused with -EBADF, so that a stale one never touches a descriptor of Node or of another thread.
 */
#include "addon.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

/* The descriptors of one environment: bit n of `owned` stands for descriptor n. */
struct descriptors {
  unsigned char *owned;
  size_t bytes;
};

static bool is_owned(napi_env env, int fd) {
  struct descriptors *d = NULL;
  if (napi_get_instance_data(env, (void **)&d) != napi_ok || d == NULL || fd < 0) return false;
  return (size_t)fd / 8 < d->bytes && (d->owned[fd / 8] >> (fd % 8) & 1) != 0;
}

static bool own(napi_env env, int fd) {
  struct descriptors *d = NULL;
  if (napi_get_instance_data(env, (void **)&d) != napi_ok || d == NULL) return false;
  size_t needed = (size_t)fd / 8 + 1;
  if (needed > d->bytes) {
    unsigned char *larger = realloc(d->owned, needed);
    if (larger == NULL) return false;
    memset(larger + d->bytes, 0, needed - d->bytes);
    d->owned = larger;
    d->bytes = needed;
  }
  d->owned[fd / 8] |= (unsigned char)(1 << (fd % 8));
  return true;
}

static void disown(napi_env env, int fd) {
  struct descriptors *d = NULL;
  if (napi_get_instance_data(env, (void **)&d) == napi_ok && d != NULL) d->owned[fd / 8] &= (unsigned char)~(1 << (fd % 8));
}

static void close_all(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct descriptors *d = data;
  for (size_t fd = 0; fd < d->bytes * 8; fd++)
    if (d->owned[fd / 8] >> (fd % 8) & 1) close((int)fd);
  free(d->owned);
  free(d);
}

napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value outcome(napi_env env, ssize_t result) { return number(env, result < 0 ? -errno : result); }

napi_value wrong_arguments(napi_env env) {
  napi_throw_type_error(env, NULL, "wrong arguments to the native addon");
  return NULL;
}

bool integer(napi_env env, napi_value value, int *result) {
  return napi_get_value_int32(env, value, result) == napi_ok;
}

/* A Uint8Array; undefined counts as an empty one. The memory stays valid until control returns to JavaScript. */
bool octets(napi_env env, napi_value value, void **data, size_t *length) {
  napi_valuetype type;
  napi_typedarray_type kind;
  *data = NULL;
  *length = 0;
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_undefined) return true;
  return napi_get_typedarray_info(env, value, &kind, length, data, NULL, NULL) == napi_ok && kind == napi_uint8_array;
}

/* Reads `count` arguments, the first of which is a descriptor: false when it throws, *fd is -1 when it is not ours. */
bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *argv, int *fd) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok || !integer(env, argv[0], fd)) {
    wrong_arguments(env);
    return false;
  }
  if (!is_owned(env, *fd)) *fd = -1;
  return true;
}

napi_value adopt(napi_env env, int fd) {
  if (fd < 0) return outcome(env, fd);
  if (own(env, fd)) return number(env, fd);
  close(fd);
  return number(env, -ENOMEM);
}

/* socket(domain, type, protocol): a descriptor, non-blocking and closed on exec. */
static napi_value call_socket(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value argv[3];
  int domain, type, protocol;
  if (napi_get_cb_info(env, info, &count, argv, NULL, NULL) != napi_ok || !integer(env, argv[0], &domain) ||
      !integer(env, argv[1], &type) || !integer(env, argv[2], &protocol))
    return wrong_arguments(env);
  return adopt(env, socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

/*
 * Closing a packet socket waits until no processor can be using it any more, 16 ms on an ordinary machine: too long for a
 * thread that answers ARP. So a thread of libuv's pool does it.
 */
struct closing {
  napi_async_work work;
  int fd;
};

static void close_in_background(napi_env env, void *data) {
  (void)env;
  close(((struct closing *)data)->fd);
}

static void on_background_closed(napi_env env, napi_status status, void *data) {
  struct closing *c = data;
  if (status == napi_cancelled) close(c->fd);
  napi_delete_async_work(env, c->work);
  free(c);
}

/* close(fd). Its poller must have been stopped before. It is done a little later; the descriptor may not be used any more. */
static napi_value call_close(napi_env env, napi_callback_info info) {
  napi_value argv[1], name;
  int fd;
  if (!arguments(env, info, 1, argv, &fd)) return NULL;
  if (fd < 0) return number(env, -EBADF);
  disown(env, fd);
  struct closing *c = calloc(1, sizeof *c);
  if (c == NULL) return outcome(env, close(fd));
  c->fd = fd;
  if (napi_create_string_utf8(env, "ClarionClose", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, close_in_background, on_background_closed, c, &c->work) != napi_ok) {
    free(c);
    return outcome(env, close(fd));
  }
  if (napi_queue_async_work(env, c->work) != napi_ok) on_background_closed(env, napi_cancelled, c);
  return number(env, 0);
}

/* closeNow(fd): for what is closed at once, and must be when this returns, as a port that is to be used again. */
static napi_value call_close_now(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  if (!arguments(env, info, 1, argv, &fd)) return NULL;
  if (fd < 0) return number(env, -EBADF);
  disown(env, fd);
  return outcome(env, close(fd));
}

/* bind(fd, sockaddr) */
static napi_value call_bind(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  void *address;
  size_t length;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &address, &length)) return wrong_arguments(env);
  return outcome(env, bind(fd, address, (socklen_t)length));
}

/* setsockopt(fd, level, name, value: number | octets) */
static napi_value call_setsockopt(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  int fd, level, name, value;
  void *data;
  size_t length;
  if (!arguments(env, info, 4, argv, &fd)) return NULL;
  if (!integer(env, argv[1], &level) || !integer(env, argv[2], &name)) return wrong_arguments(env);
  if (integer(env, argv[3], &value)) {
    data = &value;
    length = sizeof value;
  } else if (!octets(env, argv[3], &data, &length)) {
    return wrong_arguments(env);
  }
  return outcome(env, setsockopt(fd, level, name, data, (socklen_t)length));
}

/* getsockopt(fd, level, name, into): the length of the value. */
static napi_value call_getsockopt(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  int fd, level, name;
  void *data;
  size_t length;
  if (!arguments(env, info, 4, argv, &fd)) return NULL;
  if (!integer(env, argv[1], &level) || !integer(env, argv[2], &name) || !octets(env, argv[3], &data, &length))
    return wrong_arguments(env);
  socklen_t size = (socklen_t)length;
  int result = getsockopt(fd, level, name, data, &size);
  return outcome(env, result < 0 ? result : (ssize_t)size);
}

/* attachFilter(fd, struct sock_filter[] as octets): a call of its own because the option's value holds a pointer. */
static napi_value call_attach_filter(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  void *data;
  size_t length;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &data, &length)) return wrong_arguments(env);
  if (length / sizeof(struct sock_filter) > BPF_MAXINSNS) return number(env, -EINVAL);
  struct sock_fprog program = {.len = (unsigned short)(length / sizeof(struct sock_filter)), .filter = data};
  return outcome(env, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

/* send(fd, octets, to?: sockaddr): octets sent. */
static napi_value call_send(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  void *data, *to;
  size_t length, to_length;
  if (!arguments(env, info, 3, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &data, &length) || !octets(env, argv[2], &to, &to_length)) return wrong_arguments(env);
  ssize_t sent;
  do sent = sendto(fd, data, length, MSG_NOSIGNAL, to, (socklen_t)to_length);
  while (sent < 0 && errno == EINTR);
  return outcome(env, sent);
}

ssize_t receive_datagram(int fd, void *data, size_t length, void *from, size_t from_length) {
  struct iovec part = {.iov_base = data, .iov_len = length};
  struct msghdr message = {.msg_name = from, .msg_namelen = (socklen_t)from_length, .msg_iov = &part, .msg_iovlen = 1};
  ssize_t received;
  do received = recvmsg(fd, &message, MSG_TRUNC);
  while (received < 0 && errno == EINTR);
  return received;
}

/* receive(fd, into, from?): the length of the datagram, which is above into.length when it was cut off; its sender in `from`. */
static napi_value call_receive(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  void *data, *from;
  size_t length, from_length;
  if (!arguments(env, info, 3, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &data, &length) || !octets(env, argv[2], &from, &from_length)) return wrong_arguments(env);
  return outcome(env, receive_datagram(fd, data, length, from, from_length));
}

/* interfaceIndex(name) */
static napi_value call_interface_index(napi_env env, napi_callback_info info) {
  size_t count = 1, length;
  napi_value argv[1];
  char name[IF_NAMESIZE + 1];
  if (napi_get_cb_info(env, info, &count, argv, NULL, NULL) != napi_ok ||
      napi_get_value_string_utf8(env, argv[0], name, sizeof name, &length) != napi_ok)
    return wrong_arguments(env);
  unsigned index = length < IF_NAMESIZE ? if_nametoindex(name) : 0;
  return number(env, index != 0 ? (int64_t)index : -ENODEV);
}

/* One number as the only argument: false when it throws. */
static bool sole_number(napi_env env, napi_callback_info info, int *result) {
  size_t count = 1;
  napi_value argv[1];
  if (napi_get_cb_info(env, info, &count, argv, NULL, NULL) == napi_ok && integer(env, argv[0], result)) return true;
  wrong_arguments(env);
  return false;
}

/* interfaceName(index): undefined when there is none. */
static napi_value call_interface_name(napi_env env, napi_callback_info info) {
  int index;
  char name[IF_NAMESIZE];
  napi_value result = NULL;
  if (!sole_number(env, info, &index)) return NULL;
  if (if_indextoname((unsigned)index, name) != NULL) napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result);
  return result;
}

/* struct sched_attr in its first version; no header of the C library has it. */
struct scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

/* shortenSlice(nanoseconds): the time slice of this thread; everything else about its scheduling stays. */
static napi_value call_shorten_slice(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argv[1];
  int nanoseconds;
  struct scheduling now = {.size = sizeof now};
  if (napi_get_cb_info(env, info, &count, argv, NULL, NULL) != napi_ok || !integer(env, argv[0], &nanoseconds))
    return wrong_arguments(env);
  if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0) return outcome(env, -1);
  /* SCHED_OTHER only: with a real-time policy, which somebody gave us, there is nothing to gain. */
  if (now.policy != 0) return number(env, 0);
  now.runtime = (uint64_t)nanoseconds;
  return outcome(env, syscall(SYS_sched_setattr, 0, &now, 0));
}

/* openSignal(number): see signal.c. */
static napi_value call_open_signal(napi_env env, napi_callback_info info) {
  int signal;
  if (!sole_number(env, info, &signal)) return NULL;
  int fd = signal_open(signal);
  return fd < 0 ? number(env, fd) : adopt(env, fd);
}

/* avoidSignal(number) */
static napi_value call_avoid_signal(napi_env env, napi_callback_info info) {
  int signal;
  return sole_number(env, info, &signal) ? number(env, signal_avoid(signal)) : NULL;
}

/* startPolling(fd, callback, events?): see poller.c. */
static napi_value call_start_polling(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd, events;
  if (!arguments(env, info, 3, argv, &fd)) return NULL;
  if (fd < 0) return number(env, -EBADF);
  return poller_start(env, fd, argv[1], integer(env, argv[2], &events) ? events : UV_READABLE, NULL);
}

/* startReceiving(fd, callback, into): a poller that receives one datagram before it calls back. */
static napi_value call_start_receiving(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  if (!arguments(env, info, 3, argv, &fd)) return NULL;
  return fd < 0 ? number(env, -EBADF) : poller_start(env, fd, argv[1], UV_READABLE, argv[2]);
}

/* pollFor(poller, events): from now on it waits for these; 0: for nothing. */
static napi_value call_poll_for(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value argv[2];
  int events;
  if (napi_get_cb_info(env, info, &count, argv, NULL, NULL) != napi_ok || !integer(env, argv[1], &events) ||
      !poller_watch(env, argv[0], events))
    return wrong_arguments(env);
  return NULL;
}

/* stopPolling(poller): no callback comes after it. Once is enough, more is no harm. */
static napi_value call_stop_polling(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argv[1];
  if (napi_get_cb_info(env, info, &count, argv, NULL, NULL) != napi_ok || !poller_stop(env, argv[0]))
    return wrong_arguments(env);
  return NULL;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } calls[] = {
      {"socket", call_socket},
      {"close", call_close},
      {"closeNow", call_close_now},
      {"bind", call_bind},
      {"connect", call_connect},
      {"listen", call_listen},
      {"accept", call_accept},
      {"shutdown", call_shutdown},
      {"localAddress", call_local_address},
      {"outstanding", call_outstanding},
      {"read", call_read},
      {"sendParts", call_send_parts},
      {"receiveHops", call_receive_hops},
      {"setsockopt", call_setsockopt},
      {"getsockopt", call_getsockopt},
      {"attachFilter", call_attach_filter},
      {"send", call_send},
      {"receive", call_receive},
      {"interfaceIndex", call_interface_index},
      {"interfaceName", call_interface_name},
      {"shortenSlice", call_shorten_slice},
      {"trimMemory", call_trim_memory},
      {"collectInSteps", call_collect_in_steps},
      {"openSignal", call_open_signal},
      {"avoidSignal", call_avoid_signal},
      {"startPolling", call_start_polling},
      {"startReceiving", call_start_receiving},
      {"pollFor", call_poll_for},
      {"stopPolling", call_stop_polling},
  };
  struct descriptors *d = calloc(1, sizeof *d);
  if (d == NULL || napi_set_instance_data(env, d, close_all, NULL) != napi_ok) {
    free(d);
    napi_throw_error(env, NULL, "out of memory");
    return NULL;
  }
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    napi_value function;
    if (napi_create_function(env, calls[i].name, NAPI_AUTO_LENGTH, calls[i].call, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, calls[i].name, function) != napi_ok)
      return NULL;
  }
  return exports;
}
