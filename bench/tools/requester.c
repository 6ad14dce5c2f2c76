/*
 * requester arp|ndp INTERFACE TARGET[+COUNT] REQUESTS INTERVAL_US
 *
 * Asks who has TARGET, one request after the other, and measures from just before send() until recv() has returned the
 * answer, both in this process and by CLOCK_MONOTONIC. With +COUNT (ARP) each request takes another address of the range.
 * Between an answer and the next request it sleeps, so that everybody on the way has gone idle, as with a real client.
 * Prints one JSON object: {"sent", "lost", "mac" of the first answer, "us": [microseconds of each answer]}.
 */
#include "packet.h"
#include <poll.h>
#include <stdbool.h>

enum { PATIENCE_MS = 500, LOST_IN_A_ROW = 4, NS_LENGTH = 86 };

/* RFC 1071 over the IPv6 pseudo-header and `length` octets of ICMPv6. */
static uint16_t icmpv6_checksum(const uint8_t *ipv6, size_t length) {
  uint32_t sum = (uint32_t)length + 58;
  for (size_t i = 8; i < 40 + length; i += 2) sum += (uint32_t)(ipv6[i] << 8 | ipv6[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

/* RFC 4861 §4.3, to the solicited-node group, with our link-layer address. */
static void write_solicitation(uint8_t frame[NS_LENGTH], const struct identity *own, const uint8_t target[16]) {
  static const uint8_t group[13] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  memset(frame, 0, NS_LENGTH);
  frame[0] = frame[1] = 0x33;
  frame[2] = 0xff;
  memcpy(frame + 3, target + 13, 3);
  memcpy(frame + 6, own->mac, 6);
  frame[12] = 0x86;
  frame[13] = 0xdd;
  uint8_t *ip = frame + 14;
  ip[0] = 0x60;
  ip[5] = 32;
  ip[6] = 58;
  ip[7] = 255;
  memcpy(ip + 8, own->ipv6, 16);
  memcpy(ip + 24, group, 13);
  memcpy(ip + 37, target + 13, 3);
  uint8_t *icmp = ip + 40;
  icmp[0] = 135;
  memcpy(icmp + 8, target, 16);
  icmp[24] = 1;
  icmp[25] = 1;
  memcpy(icmp + 26, own->mac, 6);
  uint16_t checksum = icmpv6_checksum(ip, 32);
  icmp[2] = (uint8_t)(checksum >> 8);
  icmp[3] = (uint8_t)checksum;
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: requester arp|ndp INTERFACE TARGET[+COUNT] REQUESTS INTERVAL_US\n");
    return 2;
  }
  bool arp = strcmp(argv[1], "arp") == 0;
  int requests = atoi(argv[4]);
  struct timespec gap = {.tv_nsec = atol(argv[5]) * 1000};
  struct sock_filter answers[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, arp ? 21 : 54),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arp ? 2 : 136, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 2048),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  int fd = open_packet_socket(argv[2], arp ? ETH_P_ARP : ETH_P_IPV6, answers, 4);
  struct identity own = identity_on(argv[2], fd);
  struct range range = {0};
  uint8_t target[16];
  if (arp) range = parse_range(argv[3]);
  else if (inet_pton(AF_INET6, argv[3], target) != 1) return 2;

  double *us = calloc((size_t)requests, sizeof *us);
  uint8_t mac[6] = {0}, frame[NS_LENGTH], answer[2048];
  int answered = 0, lost = 0, in_a_row = 0;
  /* A prime: neighbouring requests are far apart in the range. */
  for (uint32_t i = 0, at = 0; i < (uint32_t)requests; i++, at += 7919) {
    if (arp) {
      uint32_t address = htonl(range.first + at % range.count);
      memcpy(target, &address, 4);
      write_arp_request(frame, &own, target);
    } else {
      write_solicitation(frame, &own, target);
    }
    int64_t sent = clock_ns(CLOCK_MONOTONIC);
    if (send(fd, frame, arp ? 42 : NS_LENGTH, 0) < 0) die("send");
    for (;;) {
      struct pollfd wait = {.fd = fd, .events = POLLIN};
      int64_t left = PATIENCE_MS - (clock_ns(CLOCK_MONOTONIC) - sent) / 1000000;
      if (left <= 0 || poll(&wait, 1, (int)left) <= 0) {
        lost++;
        in_a_row++;
        break;
      }
      ssize_t length = recv(fd, answer, sizeof answer, 0);
      int64_t now = clock_ns(CLOCK_MONOTONIC);
      bool for_us = memcmp(answer, own.mac, 6) == 0;
      bool same = arp ? length >= 42 && memcmp(answer + 28, target, 4) == 0 : length >= 78 && memcmp(answer + 62, target, 16) == 0;
      if (!for_us || !same) continue;
      if (answered == 0) memcpy(mac, answer + 6, 6);
      us[answered++] = (double)(now - sent) / 1000;
      in_a_row = 0;
      break;
    }
    /* Nobody is there: the rest counts as lost without waiting for it. */
    if (in_a_row == LOST_IN_A_ROW) {
      lost += requests - (int)i - 1;
      break;
    }
    nanosleep(&gap, NULL);
  }
  printf("{\"sent\":%d,\"lost\":%d,\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"us\":[", requests, lost, mac[0], mac[1], mac[2],
         mac[3], mac[4], mac[5]);
  for (int i = 0; i < answered; i++) printf("%s%.2f", i == 0 ? "" : ",", us[i]);
  printf("]}\n");
  return 0;
}
