// Scrapes at a constant rate over one connection: paced-scrapes PORT PER-SECOND
// A scrape's time starts when it is due, so a late scrape also delays those after it. Prints `scraping` when it starts, and the
// number and the times of scrapes on SIGTERM. Fails at the first incomplete response.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_RESPONSE = 1 << 20, MAX_SCRAPES = 4 * 1000 * 1000 };
static const int64_t SECOND = 1000 * 1000 * 1000;
static const char REQUEST[] = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

static volatile sig_atomic_t is_over;
static float microseconds[MAX_SCRAPES];

static void end(int signal) {
  (void)signal;
  is_over = 1;
}

static void fail(const char* what) {
  fprintf(stderr, "paced-scrapes: %s\n", what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

static void sleep_until(int64_t due) {
  struct timespec time = {.tv_sec = due / SECOND, .tv_nsec = due % SECOND};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR && !is_over) continue;
}

// Sends a request and reads the whole response.
static void scrape(int server) {
  static char response[MAX_RESPONSE + 1];
  if (send(server, REQUEST, sizeof REQUEST - 1, 0) != sizeof REQUEST - 1) fail("cannot send a request");
  size_t size = 0, whole = 0;
  while (whole == 0 || size < whole) {
    ssize_t received = recv(server, response + size, MAX_RESPONSE - size, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) fail("the exporter closed the connection");
    size += received;
    response[size] = 0;
    const char* body = strstr(response, "\r\n\r\n");
    if (whole > 0 || body == NULL) continue;
    const char* length = strcasestr(response, "\r\ncontent-length:");
    if (strncmp(response, "HTTP/1.1 200 ", 13) != 0 || length == NULL || length > body) fail("not a response with metrics");
    whole = body + 4 - response + strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
    if (whole > MAX_RESPONSE) fail("a response beyond 1 MiB");
  }
  if (size > whole) fail("more than one response to a request");
}

static int ascending(const void* a, const void* b) {
  float first = *(const float*)a, second = *(const float*)b;
  return (first > second) - (first < second);
}

int main(int argc, char** argv) {
  int64_t rate = argc == 3 ? atol(argv[2]) : 0;
  if (rate <= 0) {
    fprintf(stderr, "usage: %s PORT PER-SECOND\n", argv[0]);
    return 2;
  }
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int server = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(server, (struct sockaddr*)&address, sizeof address) != 0) fail("cannot connect");

  printf("scraping\n");
  fflush(stdout);
  int64_t start = now();
  int count = 0;
  for (; count < MAX_SCRAPES; ++count) {
    int64_t due = start + count * SECOND / rate;
    sleep_until(due);
    if (is_over) break;
    scrape(server);
    microseconds[count] = (now() - due) / 1e3;
  }
  if (count == 0) fail("ended before the first scrape");
  qsort(microseconds, count, sizeof *microseconds, ascending);
  printf("{\"scrapes\":%d,\"seconds\":%.3f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}\n", count, (now() - start) / 1e9,
         microseconds[count / 2], microseconds[(int64_t)count * 99 / 100], microseconds[count - 1]);
  return 0;
}
