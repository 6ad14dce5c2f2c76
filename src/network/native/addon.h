#ifndef CLARION_ADDON_H
#define CLARION_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>

napi_value number(napi_env env, int64_t value);

napi_value poller_start(napi_env env, int fd, napi_value callback);
bool poller_stop(napi_env env, napi_value handle);

int signal_open(int number);
int signal_avoid(int number);

#endif
