/*
 * Readiness: a callback in Node's event loop whenever a descriptor is readable or has an error. Who asks for it is told with the
 * first datagram, already received: after a sleep every way between JavaScript and here costs microseconds.
 *
 * What is easily done wrong:
 * - An error on the descriptor (a link that goes down, a netlink overrun) makes libuv stop watching it, for good. So the error is
 *   fetched from the socket, which clears it, watching starts again, and the callback learns the error.
 * - A poller that JavaScript has forgotten still polls: it holds a reference to its own handle until it is stopped.
 * - uv_close finishes later. The memory may go when that is done *and* the handle is collected, whichever is last.
 * - An environment may end (worker.terminate) while polling: the asynchronous cleanup hook makes Node wait for uv_close.
 *   A call into JavaScript then fails with a status, which must not be fatal.
 * - An exception of the callback belongs to the process (uncaughtException), not to us.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

static const napi_type_tag POLLER_TAG = {0x5d1e7a6f3c094b21, 0x9f0c5ab4d7e84f10};

struct poller {
  uv_poll_t watch;
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  napi_ref callback;
  napi_ref self;
  /* Where the datagram goes; NULL: the callback receives by itself. */
  napi_ref into;
  void *room;
  size_t room_length;
  int fd;
  int events;
  bool polling;
  /* The handle in JavaScript, and libuv: both must have let go before the memory may. */
  int holders;
};

static void let_go(struct poller *p) {
  if (--p->holders == 0) free(p);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  let_go(data);
}

static void on_closed(uv_handle_t *watch) {
  struct poller *p = watch->data;
  napi_remove_async_cleanup_hook(p->hook);
  let_go(p);
}

static void stop(struct poller *p) {
  if (!p->polling) return;
  p->polling = false;
  uv_poll_stop(&p->watch);
  napi_delete_reference(p->env, p->callback);
  napi_delete_reference(p->env, p->self);
  if (p->into != NULL) napi_delete_reference(p->env, p->into);
  napi_async_destroy(p->env, p->context);
  uv_close((uv_handle_t *)&p->watch, on_closed);
}

/* The environment ends. When we were stopped before, uv_close is under way already and removes the hook all the same. */
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  stop(data);
}

static void on_ready(uv_poll_t *watch, int status, int events) {
  struct poller *p = watch->data;
  napi_env env = p->env;
  int error = 0;
  if (status < 0) {
    socklen_t length = sizeof error;
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) error = errno;
    uv_poll_start(&p->watch, p->events, on_ready);
  }
  int64_t told = status < 0 ? 0 : events;
  if (p->into != NULL) {
    ssize_t received = receive_datagram(p->fd, p->room, p->room_length, NULL, 0);
    told = received < 0 ? -errno : received;
  }
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value self, callback, arguments[2], result, exception;
  if (napi_get_reference_value(env, p->self, &self) == napi_ok &&
      napi_get_reference_value(env, p->callback, &callback) == napi_ok &&
      napi_create_int32(env, -error, &arguments[0]) == napi_ok &&
      napi_create_int64(env, told, &arguments[1]) == napi_ok) {
    /* After this call the poller may be stopped: touch it no more. */
    napi_status called = napi_make_callback(env, p->context, self, callback, 2, arguments, &result);
    if (called == napi_pending_exception && napi_get_and_clear_last_exception(env, &exception) == napi_ok)
      napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

static napi_value failed(napi_env env, struct poller *p, int error) {
  if (p->callback != NULL) napi_delete_reference(env, p->callback);
  if (p->into != NULL) napi_delete_reference(env, p->into);
  if (p->context != NULL) napi_async_destroy(env, p->context);
  free(p);
  return number(env, error);
}

/*
 * A handle, or -errno. The callback gets 0 and what there is of `events` (readable: receive until -EAGAIN, or be called again),
 * or -errno of the socket and 0. With octets in `into`: instead of events, the length of a datagram received there, or -errno.
 */
napi_value poller_start(napi_env env, int fd, napi_value callback, int events, napi_value into) {
  uv_loop_t *loop;
  napi_value name, handle;
  struct poller *p = calloc(1, sizeof *p);
  if (p == NULL) return number(env, -ENOMEM);
  p->env = env;
  p->fd = fd;
  p->events = events;
  p->watch.data = p;
  napi_valuetype type;
  if (into != NULL && (!octets(env, into, &p->room, &p->room_length) || p->room_length == 0 ||
                       napi_create_reference(env, into, 1, &p->into) != napi_ok))
    return failed(env, p, -EINVAL);
  if (napi_typeof(env, callback, &type) != napi_ok || type != napi_function ||
      napi_create_reference(env, callback, 1, &p->callback) != napi_ok ||
      napi_create_string_utf8(env, "ClarionPoller", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, NULL, name, &p->context) != napi_ok || napi_get_uv_event_loop(env, &loop) != napi_ok)
    return failed(env, p, -EINVAL);
  int result = uv_poll_init(loop, &p->watch, fd);
  if (result < 0) return failed(env, p, result);

  /* From here on libuv knows the memory: it goes through uv_close only. */
  p->holders = 1;
  p->polling = true;
  napi_add_async_cleanup_hook(env, on_environment_end, p, &p->hook);
  if (napi_create_object(env, &handle) == napi_ok && napi_type_tag_object(env, handle, &POLLER_TAG) == napi_ok &&
      napi_wrap(env, handle, p, on_collected, NULL, NULL) == napi_ok) {
    p->holders = 2;
    napi_create_reference(env, handle, 1, &p->self);
    result = uv_poll_start(&p->watch, events, on_ready);
  } else {
    result = -ENOMEM;
  }
  if (result == 0) return handle;
  stop(p);
  return number(env, result);
}

static struct poller *poller_of(napi_env env, napi_value handle) {
  bool ours = false;
  void *p;
  if (napi_check_object_type_tag(env, handle, &POLLER_TAG, &ours) != napi_ok || !ours ||
      napi_unwrap(env, handle, &p) != napi_ok)
    return NULL;
  return p;
}

/* False when that is no handle of ours. */
bool poller_stop(napi_env env, napi_value handle) {
  struct poller *p = poller_of(env, handle);
  if (p != NULL) stop(p);
  return p != NULL;
}

/* Waits for these from now on; 0: for nothing, not even an error. False when that is no handle of ours. */
bool poller_watch(napi_env env, napi_value handle, int events) {
  struct poller *p = poller_of(env, handle);
  if (p != NULL && p->polling) {
    p->events = events;
    uv_poll_start(&p->watch, events, on_ready);
  }
  return p != NULL;
}
