/* Datagrams with what recvmsg(2) knows of their way: TTL or hop limit, interface, destination; many with one call. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define MOST_DATAGRAMS 64

/* What JavaScript is told of each, in the machine's byte order, but for the addresses. src/network/hop-datagrams.ts reads it. */
struct record {
  uint32_t length;
  int32_t interface_index;
  /* -1: the kernel did not say. */
  int32_t hop_limit;
  uint32_t from_port;
  /* IPv4 in the first four octets. */
  uint8_t from[16], to[16];
};

static void read_control(struct msghdr *message, struct record *record) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    const void *data = CMSG_DATA(c);
    if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
        (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
      memcpy(&record->hop_limit, data, sizeof record->hop_limit);
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo to;
      memcpy(&to, data, sizeof to);
      record->interface_index = to.ipi_ifindex;
      memcpy(record->to, &to.ipi_addr, sizeof to.ipi_addr);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo to;
      memcpy(&to, data, sizeof to);
      record->interface_index = (int32_t)to.ipi6_ifindex;
      memcpy(record->to, &to.ipi6_addr, sizeof to.ipi6_addr);
    }
  }
}

static void read_sender(const struct sockaddr_storage *from, struct record *record) {
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    record->from_port = ntohs(v4->sin_port);
    memcpy(record->from, &v4->sin_addr, sizeof v4->sin_addr);
  } else if (from->ss_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    record->from_port = ntohs(v6->sin6_port);
    memcpy(record->from, &v6->sin6_addr, sizeof v6->sin6_addr);
  }
}

/*
 * receiveHops(fd, into, records): how many datagrams. `records` has room for a number of struct record; of `into`, each
 * has the same share, and what is longer is cut off.
 */
napi_value call_receive_hops(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  void *into, *records;
  size_t length, records_length;
  if (!arguments(env, info, 3, argv, &fd)) return NULL;
  if (!octets(env, argv[1], &into, &length) || !octets(env, argv[2], &records, &records_length))
    return wrong_arguments(env);
  size_t most = records_length / sizeof(struct record);
  if (most > MOST_DATAGRAMS) most = MOST_DATAGRAMS;
  if (most == 0 || length < most) return wrong_arguments(env);
  size_t share = length / most;

  struct mmsghdr messages[MOST_DATAGRAMS];
  struct iovec parts[MOST_DATAGRAMS];
  struct sockaddr_storage from[MOST_DATAGRAMS];
  union {
    struct cmsghdr alignment;
    char octets[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
  } control[MOST_DATAGRAMS];
  for (size_t i = 0; i < most; i++) {
    parts[i] = (struct iovec){.iov_base = (char *)into + i * share, .iov_len = share};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                          .msg_namelen = sizeof from[i],
                                          .msg_iov = &parts[i],
                                          .msg_iovlen = 1,
                                          .msg_control = &control[i],
                                          .msg_controllen = sizeof control[i]};
  }
  int count;
  do count = recvmmsg(fd, messages, (unsigned)most, 0, NULL);
  while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; i++) {
    struct record record = {.length = messages[i].msg_len, .hop_limit = -1};
    read_control(&messages[i].msg_hdr, &record);
    read_sender(&from[i], &record);
    memcpy((char *)records + (size_t)i * sizeof record, &record, sizeof record);
  }
  return outcome(env, count);
}
