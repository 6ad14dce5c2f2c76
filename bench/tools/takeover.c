/*
 * takeover INTERFACE FIRST+COUNT LOST_MAC REQUESTS_PER_SECOND
 *
 * When the addresses of a range are somebody else's. After a line on standard input it asks for all of them, again and again
 * those that nobody but LOST_MAC answered for yet, none more often than every 20 ms, and notes when the kernel received the
 * first answer of another machine and the first gratuitous frame of another machine for each. When standard input ends it
 * prints {"answered": [ms of CLOCK_MONOTONIC, 0 for never], "announced": [the same], "frames": [gratuitous frames of others in
 * each 100 ms since the line], "asked"} and ends. {"ready":true} comes first.
 */
#include "packet.h"

#include <poll.h>
#include <stdbool.h>

enum { PERIODS = 600, AGAIN_MS = 20 };

static struct range range;
static int64_t *answered, *announced, *asked_at, started;
static unsigned frames[PERIODS], asked;

static void take(int fd, const uint8_t lost[6], const uint8_t own[6]) {
  for (;;) {
    uint8_t frame[128], control[256];
    struct iovec part = {.iov_base = frame, .iov_len = sizeof frame};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EAGAIN) return;
      die("receive");
    }
    if (length < 42 || started == 0 || memcmp(frame + 22, lost, 6) == 0 || memcmp(frame + 22, own, 6) == 0) continue;
    uint32_t sender;
    memcpy(&sender, frame + 28, 4);
    uint32_t place = ntohl(sender) - range.first;
    if (place >= range.count) continue;
    int64_t now = received_ns(&message);
    if (memcmp(frame + 28, frame + 38, 4) == 0) {
      int64_t period = (now - started) / 100000000;
      if (period >= 0 && period < PERIODS) frames[period]++;
      if (announced[place] == 0) announced[place] = now;
    } else if (frame[21] == 2 && answered[place] == 0) {
      answered[place] = now;
    }
  }
}

static void print(const char *name, const int64_t *times) {
  printf("\"%s\":[", name);
  for (uint32_t i = 0; i < range.count; i++) printf("%s%.3f", i == 0 ? "" : ",", (double)times[i] / 1e6);
  printf("],");
}

int main(int argc, char **argv) {
  uint8_t lost[6];
  long rate = argc == 5 ? atol(argv[4]) : 0;
  if (rate <= 0 || sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", lost, lost + 1, lost + 2, lost + 3, lost + 4, lost + 5) != 6) {
    fprintf(stderr, "usage: takeover INTERFACE FIRST+COUNT LOST_MAC REQUESTS_PER_SECOND\n");
    return 2;
  }
  range = parse_range(argv[2]);
  answered = calloc(range.count, sizeof *answered);
  announced = calloc(range.count, sizeof *announced);
  asked_at = calloc(range.count, sizeof *asked_at);
  int fd = open_packet_socket(argv[1], ETH_P_ARP, NULL, 0), on = 1, octets = 64 << 20;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) die("timestamps");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) < 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  struct identity own = identity_on(argv[1], fd);
  printf("{\"ready\":true}\n");
  fflush(stdout);
  struct pollfd waiting[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  uint32_t next = 0;
  int64_t due = 0;
  for (;;) {
    if (poll(waiting, 2, started == 0 ? -1 : 1) < 0) die("poll");
    take(fd, lost, own.mac);
    if (waiting[1].revents != 0) {
      char line[64];
      if (read(0, line, sizeof line) <= 0) break;
      started = due = clock_ns(CLOCK_MONOTONIC);
    }
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (started == 0) continue;
    /* What could not be asked in time is not made up for by a burst. */
    if (now - due > 5000000) due = now - 5000000;
    for (uint32_t tried = 0; due < now && tried < range.count; tried++) {
      uint32_t place = next++ % range.count;
      if (answered[place] != 0 || now - asked_at[place] < AGAIN_MS * 1000000LL) continue;
      uint8_t frame[42], target[4];
      uint32_t address = htonl(range.first + place);
      memcpy(target, &address, 4);
      write_arp_request(frame, &own, target);
      if (send(fd, frame, sizeof frame, 0) < 0 && errno != ENOBUFS) die("send");
      asked_at[place] = now;
      asked++;
      due += 1000000000LL / rate;
    }
  }
  printf("{");
  print("answered", answered);
  print("announced", announced);
  printf("\"frames\":[");
  for (int i = 0; i < PERIODS; i++) printf("%s%u", i == 0 ? "" : ",", frames[i]);
  printf("],\"asked\":%u}\n", asked);
  return 0;
}
