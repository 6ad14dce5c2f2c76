/*
 * watch INTERFACE
 *
 * One JSON line for every gratuitous ARP frame (sender's address = target's): {"address", "ms"}, the time being that at
 * which the kernel received it, expressed in milliseconds of CLOCK_MONOTONIC, which every process here can read.
 * The first line, {"ready":true}, says that nothing is missed from now on.
 */
#include "packet.h"

/* How far CLOCK_REALTIME is ahead; the narrowest of a few attempts, since we may be interrupted between the two. */
static int64_t realtime_ahead(void) {
  int64_t best = 0, narrowest = INT64_MAX;
  for (int i = 0; i < 5; i++) {
    int64_t before = clock_ns(CLOCK_MONOTONIC), wall = clock_ns(CLOCK_REALTIME), after = clock_ns(CLOCK_MONOTONIC);
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = wall - (before + after) / 2;
  }
  return best;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: watch INTERFACE\n");
    return 2;
  }
  int fd = open_packet_socket(argv[1], ETH_P_ARP, NULL, 0);
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) die("timestamps");
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("{\"ready\":true}\n");
  for (;;) {
    uint8_t frame[2048], control[256];
    struct iovec part = {.iov_base = frame, .iov_len = sizeof frame};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, 0);
    if (length < 0) die("receive");
    if (length < 42 || memcmp(frame + 28, frame + 38, 4) != 0) continue;
    int64_t at = 0;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one != NULL; one = CMSG_NXTHDR(&message, one)) {
      struct timespec stamp;
      if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SO_TIMESTAMPNS) continue;
      memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
      at = stamp.tv_sec * 1000000000LL + stamp.tv_nsec - realtime_ahead();
    }
    printf("{\"address\":\"%u.%u.%u.%u\",\"ms\":%.6f}\n", frame[28], frame[29], frame[30], frame[31], (double)at / 1e6);
  }
}
