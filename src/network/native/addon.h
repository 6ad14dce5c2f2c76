#ifndef CLARION_ADDON_H
#define CLARION_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <sys/types.h>

napi_value number(napi_env env, int64_t value);
/* The result, or -errno where it is below zero. */
napi_value outcome(napi_env env, ssize_t result);
napi_value wrong_arguments(napi_env env);
bool integer(napi_env env, napi_value value, int *result);
bool octets(napi_env env, napi_value value, void **data, size_t *length);
bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *argv, int *fd);
/* The descriptor, which this environment owns from now on, or -errno. */
napi_value adopt(napi_env env, int fd);

/* The length of the datagram, also of one that was cut off. */
ssize_t receive_datagram(int fd, void *data, size_t length, void *from, size_t from_length);

napi_value poller_start(napi_env env, int fd, napi_value callback, int events, napi_value into);
bool poller_stop(napi_env env, napi_value handle);
bool poller_watch(napi_env env, napi_value handle, int events);

napi_value call_connect(napi_env env, napi_callback_info info);
napi_value call_listen(napi_env env, napi_callback_info info);
napi_value call_accept(napi_env env, napi_callback_info info);
napi_value call_shutdown(napi_env env, napi_callback_info info);
napi_value call_local_address(napi_env env, napi_callback_info info);
napi_value call_outstanding(napi_env env, napi_callback_info info);
napi_value call_read(napi_env env, napi_callback_info info);
napi_value call_send_parts(napi_env env, napi_callback_info info);
napi_value call_receive_hops(napi_env env, napi_callback_info info);
napi_value call_trim_memory(napi_env env, napi_callback_info info);
napi_value call_collect_in_steps(napi_env env, napi_callback_info info);

int signal_open(int number);
int signal_avoid(int number);

#endif
