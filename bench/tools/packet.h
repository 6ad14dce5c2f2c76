/* What the tools share: a packet socket on one interface, who we are there, and the two clocks. */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(3);
}

static inline int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* How far CLOCK_REALTIME is ahead; the narrowest of a few attempts, since we may be interrupted between the two. */
static inline int64_t realtime_ahead(void) {
  int64_t best = 0, narrowest = INT64_MAX;
  for (int i = 0; i < 5; i++) {
    int64_t before = clock_ns(CLOCK_MONOTONIC), wall = clock_ns(CLOCK_REALTIME), after = clock_ns(CLOCK_MONOTONIC);
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = wall - (before + after) / 2;
  }
  return best;
}

/* When the kernel received it, of CLOCK_MONOTONIC; the socket must have SO_TIMESTAMPNS. 0: it did not say. */
static inline int64_t received_ns(struct msghdr *message) {
  for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one != NULL; one = CMSG_NXTHDR(message, one)) {
    struct timespec stamp;
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SO_TIMESTAMPNS) continue;
    memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
    return stamp.tv_sec * 1000000000LL + stamp.tv_nsec - realtime_ahead();
  }
  return 0;
}

/* The filter is in force before the first frame can arrive. */
static inline int open_packet_socket(const char *interface, int protocol, struct sock_filter *filter, size_t length) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) die("packet socket");
  struct sock_fprog program = {.len = (unsigned short)length, .filter = filter};
  if (length > 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) die("filter");
  struct sockaddr_ll place = {
      .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)if_nametoindex(interface)};
  if (place.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&place, sizeof place) < 0) die(interface);
  return fd;
}

struct identity {
  uint8_t mac[6];
  uint8_t ipv4[4];
  uint8_t ipv6[16];
};

static inline struct identity identity_on(const char *interface, int fd) {
  struct identity own = {0};
  struct ifreq request = {0};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) die(interface);
  memcpy(own.mac, request.ifr_hwaddr.sa_data, 6);
  struct ifaddrs *list;
  if (getifaddrs(&list) < 0) die("addresses");
  for (struct ifaddrs *one = list; one != NULL; one = one->ifa_next) {
    if (one->ifa_addr == NULL || strcmp(one->ifa_name, interface) != 0) continue;
    if (one->ifa_addr->sa_family == AF_INET) memcpy(own.ipv4, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, 4);
    if (one->ifa_addr->sa_family == AF_INET6) {
      const uint8_t *address = ((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr.s6_addr;
      /* Any but link-local. */
      if (address[0] != 0xfe) memcpy(own.ipv6, address, 16);
    }
  }
  freeifaddrs(list);
  return own;
}

/* RFC 826: a broadcast request for `target`. */
static inline void write_arp_request(uint8_t frame[42], const struct identity *own, const uint8_t target[4]) {
  static const uint8_t fixed[10] = {0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1};
  memset(frame, 0xff, 6);
  memcpy(frame + 6, own->mac, 6);
  memcpy(frame + 12, fixed, 10);
  memcpy(frame + 22, own->mac, 6);
  memcpy(frame + 28, own->ipv4, 4);
  memset(frame + 32, 0, 6);
  memcpy(frame + 38, target, 4);
}

/* A range as FIRST+COUNT. */
struct range {
  uint32_t first, count;
};

static inline struct range parse_range(char *text) {
  char *plus = strchr(text, '+');
  struct range range = {.count = plus == NULL ? 1 : (uint32_t)strtoul(plus + 1, NULL, 10)};
  if (plus != NULL) *plus = 0;
  struct in_addr address;
  if (inet_pton(AF_INET, text, &address) != 1 || range.count == 0) {
    fprintf(stderr, "%s is no range of IPv4 addresses\n", text);
    exit(2);
  }
  range.first = ntohl(address.s_addr);
  return range;
}

#endif
