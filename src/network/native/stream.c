/* TCP: what a descriptor needs beyond addon.c to connect, to listen and to carry a stream. Nothing here waits. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* connect(fd, sockaddr): 0, or -EINPROGRESS as a rule: then it becomes writable, or has an error. */
napi_value call_connect(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  void *address;
  size_t length;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &address, &length)) return wrong_arguments(env);
  return outcome(env, connect(fd, address, (socklen_t)length));
}

/* listen(fd, backlog) */
napi_value call_listen(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd, backlog;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!integer(env, argv[1], &backlog)) return wrong_arguments(env);
  return outcome(env, listen(fd, backlog));
}

/* accept(fd, from): a descriptor like those of socket(); the other end in `from`. */
napi_value call_accept(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  void *from;
  size_t length;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &from, &length)) return wrong_arguments(env);
  socklen_t size = (socklen_t)length;
  return adopt(env, accept4(fd, from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/* shutdown(fd, how) */
napi_value call_shutdown(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd, how;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!integer(env, argv[1], &how)) return wrong_arguments(env);
  return outcome(env, shutdown(fd, how));
}

/* localAddress(fd, into: sockaddr) */
napi_value call_local_address(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  void *into;
  size_t length;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &into, &length)) return wrong_arguments(env);
  socklen_t size = (socklen_t)length;
  return outcome(env, getsockname(fd, into, &size));
}

/* outstanding(fd): octets that the kernel was given and the other end has not acknowledged. */
napi_value call_outstanding(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd, count = 0;
  if (!arguments(env, info, 1, argv, &fd)) return NULL;
  int result = ioctl(fd, SIOCOUTQ, &count);
  return outcome(env, result < 0 ? result : count);
}

/* read(fd, into): octets, 0 at the end. (receive() asks for the length of a datagram, at which TCP throws data away.) */
napi_value call_read(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  void *into;
  size_t length;
  if (!arguments(env, info, 2, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &into, &length)) return wrong_arguments(env);
  ssize_t received;
  do received = recv(fd, into, length, 0);
  while (received < 0 && errno == EINTR);
  return outcome(env, received);
}

#define MOST_PARTS 256

/*
 * sendParts(fd, parts: Uint8Array[], from, skip): octets sent of parts[from], from its octet `skip` on, and of those after it, as
 * many as fit one call. No copy but the kernel's.
 */
napi_value call_send_parts(napi_env env, napi_callback_info info) {
  napi_value argv[4], part;
  int fd, from, skip;
  uint32_t count;
  if (!arguments(env, info, 4, argv, &fd)) return NULL;
  if (napi_get_array_length(env, argv[1], &count) != napi_ok || !integer(env, argv[2], &from) ||
      !integer(env, argv[3], &skip) || from < 0 || skip < 0)
    return wrong_arguments(env);
  struct iovec parts[MOST_PARTS];
  struct msghdr message = {.msg_iov = parts};
  for (uint32_t i = (uint32_t)from; i < count && message.msg_iovlen < MOST_PARTS; i++) {
    struct iovec *next = &parts[message.msg_iovlen++];
    if (napi_get_element(env, argv[1], i, &part) != napi_ok || !octets(env, part, &next->iov_base, &next->iov_len) ||
        next->iov_len < (size_t)skip)
      return wrong_arguments(env);
    next->iov_base = (char *)next->iov_base + skip;
    next->iov_len -= (size_t)skip;
    skip = 0;
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return outcome(env, sent);
}
