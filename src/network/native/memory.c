/* Memory that is free, but not given back: by malloc(3), and by V8. */
#include "addon.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* V8 begins to collect once this much was added outside of its heap since the last time (its "soft limit" is 64 MiB). */
static const int64_t ENOUGH_TO_COLLECT = 65 << 20;

/* trimMemory(): glibc gives the pages of all its arenas back that nobody uses. Other libraries do so by themselves, or never. */
napi_value call_trim_memory(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return NULL;
}

/*
 * collectInSteps(): makes V8 think that much memory hangs on its objects, for a moment, so that it begins a collection of all
 * that it does in the background and in small steps. What else asks for one (gc(), the inspector) stops the thread until it is done.
 */
napi_value call_collect_in_steps(napi_env env, napi_callback_info info) {
  int64_t total;
  (void)info;
  if (napi_adjust_external_memory(env, ENOUGH_TO_COLLECT, &total) == napi_ok)
    napi_adjust_external_memory(env, -ENOUGH_TO_COLLECT, &total);
  return NULL;
}
