/*
 * watch INTERFACE
 *
 * One JSON line for every gratuitous ARP frame (sender's address = target's): {"address", "mac", "ms"}, the time being that at
 * which the kernel received it, expressed in milliseconds of CLOCK_MONOTONIC, which every process here can read.
 * The first line, {"ready":true}, says that nothing is missed from now on.
 */
#include "packet.h"

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
    int64_t at = received_ns(&message);
    printf("{\"address\":\"%u.%u.%u.%u\",\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"ms\":%.6f}\n", frame[28], frame[29],
           frame[30], frame[31], frame[22], frame[23], frame[24], frame[25], frame[26], frame[27], (double)at / 1e6);
  }
}
