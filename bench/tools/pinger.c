/*
 * pinger ADDRESS EVERY_US
 *
 * An ICMP echo request every so many microseconds, whatever comes back. (`ping` waits for an answer by the kernel's ticks, so
 * that in a gap it asks every 10 ms.) A line for every answer, "SEQUENCE MS": when the kernel received it, milliseconds of
 * CLOCK_MONOTONIC. When its standard input ends it waits 50 ms for answers, says "sent COUNT" and ends. Sequences begin at 1
 * and are told apart beyond 65,536 by their order.
 */
#include "packet.h"

#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/timerfd.h>

static uint16_t checksum(const void *data, size_t length) {
  const uint16_t *words = data;
  uint32_t sum = 0;
  for (size_t i = 0; i < length / 2; i++) sum += words[i];
  sum = (sum >> 16) + (sum & 0xffff);
  return (uint16_t)~(sum + (sum >> 16));
}

static void send_request(int fd, uint32_t sequence) {
  struct icmphdr request = {.type = ICMP_ECHO};
  request.un.echo.id = htons((uint16_t)getpid());
  request.un.echo.sequence = htons((uint16_t)sequence);
  request.checksum = checksum(&request, sizeof request);
  /* What the kernel cannot send now (no neighbour) is lost, as it would be for any other client. */
  (void)!send(fd, &request, sizeof request, 0);
}

static void take_answers(int fd, uint32_t sent) {
  for (;;) {
    uint8_t packet[512], control[256];
    struct iovec part = {.iov_base = packet, .iov_len = sizeof packet};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EAGAIN) return;
      continue; /* An ICMP error of somebody. */
    }
    const struct icmphdr *answer = (const struct icmphdr *)(packet + 4 * (packet[0] & 15));
    if (length < 28 || answer->type != ICMP_ECHOREPLY || answer->un.echo.id != htons((uint16_t)getpid())) continue;
    uint32_t sequence = (sent & ~0xffffU) | ntohs(answer->un.echo.sequence);
    if (sequence > sent) sequence -= 0x10000;
    printf("%u %.3f\n", sequence, (double)received_ns(&message) / 1e6);
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  long every = argc == 3 ? atol(argv[2]) : 0;
  if (every <= 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
    fprintf(stderr, "usage: pinger ADDRESS EVERY_US\n");
    return 2;
  }
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), on = 1;
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("socket");
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) die("timestamps");
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  struct timespec step = {.tv_sec = every / 1000000, .tv_nsec = every % 1000000 * 1000};
  struct itimerspec beat = {.it_interval = step, .it_value = {.tv_nsec = 1}};
  if (timer < 0 || timerfd_settime(timer, 0, &beat, NULL) < 0) die("timer");
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint32_t sent = 0;
  struct pollfd waiting[3] = {{.fd = fd, .events = POLLIN}, {.fd = timer, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  while (waiting[2].revents == 0) {
    if (poll(waiting, 3, -1) < 0) die("poll");
    if (waiting[0].revents != 0) take_answers(fd, sent);
    uint64_t beats;
    /* Of beats that were missed, one is made up for: a burst would hide a gap. */
    if (waiting[1].revents != 0 && read(timer, &beats, sizeof beats) > 0) send_request(fd, ++sent);
  }
  for (int i = 0; i < 5; i++) {
    poll(NULL, 0, 10);
    take_answers(fd, sent);
  }
  printf("sent %u\n", sent);
  return 0;
}
