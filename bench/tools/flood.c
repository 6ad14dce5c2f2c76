/*
 * flood INTERFACE PER_SECOND SECONDS RANGE...
 *
 * Sends ARP requests for the addresses of the ranges (FIRST+COUNT), in turn, at the given rate, in bursts of a millisecond.
 * The answers are not read but counted, by a socket whose filter accepts only ARP replies sent to us: the kernel counts
 * what passed the filter even when the socket's buffer is full, so that a slow reader cannot falsify the figure.
 * Prints one JSON object: {"sent", "replies", "seconds"}.
 */
#include "packet.h"

enum { LARGEST_BURST = 1024, SETTLE_MS = 500 };

static uint32_t take_seen(int fd) {
  struct tpacket_stats seen;
  socklen_t length = sizeof seen;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &seen, &length) < 0) die("statistics");
  return seen.tp_packets;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: flood INTERFACE PER_SECOND SECONDS FIRST+COUNT...\n");
    return 2;
  }
  int burst = atoi(argv[2]) / 1000;
  double seconds = atof(argv[3]);
  if (burst < 1 || burst > LARGEST_BURST) {
    fprintf(stderr, "1,000 to %d requests a second\n", LARGEST_BURST * 1000);
    return 2;
  }
  int ranges = argc - 4;
  struct range *range = calloc((size_t)ranges, sizeof *range);
  for (int i = 0; i < ranges; i++) range[i] = parse_range(argv[4 + i]);

  int out = open_packet_socket(argv[1], 0, NULL, 0);
  struct identity own = identity_on(argv[1], out);
  uint32_t mac_high, mac_low = (uint32_t)(own.mac[4] << 8 | own.mac[5]);
  memcpy(&mac_high, own.mac, 4);
  struct sock_filter replies_to_us[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(mac_high), 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mac_low, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 1),                     BPF_STMT(BPF_RET | BPF_K, 0),
  };
  int in = open_packet_socket(argv[1], ETH_P_ARP, replies_to_us, 8);
  take_seen(in);

  static uint8_t frames[LARGEST_BURST][42];
  static struct iovec parts[LARGEST_BURST];
  static struct mmsghdr messages[LARGEST_BURST];
  for (int i = 0; i < burst; i++) {
    parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = 42};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int64_t sent = 0, start = clock_ns(CLOCK_MONOTONIC);
  uint32_t in_range = 0;
  int current = 0;
  for (int64_t tick = 0; tick < (int64_t)(seconds * 1000); tick++) {
    for (int i = 0; i < burst; i++) {
      uint32_t address = htonl(range[current].first + in_range);
      write_arp_request(frames[i], &own, (uint8_t *)&address);
      if (++in_range == range[current].count) {
        in_range = 0;
        current = (current + 1) % ranges;
      }
    }
    for (int done = 0; done < burst;) {
      int count = sendmmsg(out, messages + done, (unsigned)(burst - done), 0);
      if (count < 0 && errno != ENOBUFS) die("send");
      if (count > 0) done += count;
    }
    sent += burst;
    int64_t due = start + (tick + 1) * 1000000;
    struct timespec until = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  }
  double took = (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e9;
  usleep(SETTLE_MS * 1000);
  printf("{\"sent\":%lld,\"replies\":%u,\"seconds\":%.3f}\n", (long long)sent, take_seen(in), took);
  return 0;
}
