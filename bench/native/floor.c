// The floor: a subscriber that only reads, counts and answers: floor SOCKET
// It reads fields at the offsets of the reference node's messages, so it works with no other node.
// Prints `subscribed` when both callbacks are subscribed, and the counts on SIGUSR2; exits with its connection.

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const uint64_t INIT = 0x8838c700ba5cba65, THREAD_MAP = 0xee5e37179ad9dc9d, CHAIN = 0xddfb1d54c24414b3,
                      TRACING = 0xb300bedcd7b880ce, CHAIN_NOTIFICATIONS = 0x9ac9db48ba219039,
                      UTXO_CACHE_TRACE = 0xf877dd6fb711c62f;

enum { CALL = 2 };                             // Message.which
enum { SENDER_HOSTED = 1, RECEIVER_HOSTED = 3 };  // CapDescriptor.which
enum { NOTIFICATIONS_EXPORT, TRACE_EXPORT };   // ids of the two exports

enum { WORD = 8, READ_BYTES = 1 << 18, MAX_RETURN_WORDS = 64 };

// Offsets in a Call, from its root pointer.
enum { WHICH = WORD, QUESTION = 3 * WORD, METHOD = QUESTION + 4, INTERFACE = 4 * WORD, CALL_HEAD = 5 * WORD };

static volatile uint64_t added, blocks, coins, others;
static int node;

// The main loop uses no stdio that a signal could interrupt.
static void tell_counts(int signal) {
  (void)signal;
  dprintf(STDOUT_FILENO, "{\"added\":%lu,\"blocks\":%lu,\"coins\":%lu,\"others\":%lu}\n", added, blocks, coins, others);
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static uint32_t u32(const uint8_t* bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

static uint64_t u64(const uint8_t* bytes) {
  uint64_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

static void send_all(const void* bytes, size_t size) {
  for (const char* at = bytes; size > 0;) {
    ssize_t sent = write(node, at, size);
    if (sent < 0 && errno != EINTR) fail("cannot write to the node");
    if (sent < 0) continue;
    at += sent;
    size -= sent;
  }
}

static void receive_exactly(void* bytes, size_t size) {
  if (recv(node, bytes, size, MSG_WAITALL) != (ssize_t)size) fail("the node closed in the handshake");
}

// The capability that the node returns: the last words of its message are the one CapDescriptor.
static uint32_t returned_capability(void) {
  uint64_t table, words[MAX_RETURN_WORDS];
  receive_exactly(&table, sizeof table);
  size_t size = table >> 32;
  if ((uint32_t)table != 0 || size < 11 || size > MAX_RETURN_WORDS) fail("no Return of a capability");
  receive_exactly(words, size * WORD);
  return words[size - 2] >> 32;
}

static uint64_t struct_pointer(int from, int to, uint64_t data_words, uint64_t pointers) {
  return (uint64_t)(to - from - 1) << 2 | data_words << 32 | pointers << 48;
}

// Calls a method whose parameters are `pointers` pointers: a Context with `thread` unless that is 0, then our object
// `export` unless that is -1, then null. Returns the capability in its results.
static uint32_t call(uint32_t target, uint64_t interface, uint64_t method, int pointers, uint32_t thread, int export) {
  enum { ROOT = 1, BODY = 4, TARGET = 10, PAYLOAD = 12, PARAMS = 14, MAX_WORDS = 32 };
  static uint64_t question = 1;
  uint64_t w[MAX_WORDS] = {0}, capabilities = 0;
  int context = PARAMS + pointers, table = context + 2, end = table;

  w[ROOT] = struct_pointer(ROOT, ROOT + 1, 1, 1);
  w[ROOT + 1] = CALL;
  w[ROOT + 2] = struct_pointer(ROOT + 2, BODY, 3, 3);
  w[BODY] = question++ | method << 32;
  w[BODY + 1] = interface;
  w[BODY + 3] = struct_pointer(BODY + 3, TARGET, 1, 1);
  w[BODY + 4] = struct_pointer(BODY + 4, PAYLOAD, 0, 2);
  w[TARGET] = target;
  w[PAYLOAD] = struct_pointer(PAYLOAD, PARAMS, 0, pointers);
  if (thread != 0) {
    w[PARAMS] = struct_pointer(PARAMS, context, 0, 2);
    w[context] = 3 | capabilities++ << 32;
    w[++end] = RECEIVER_HOSTED | (uint64_t)thread << 32;
    ++end;
  }
  if (export >= 0) {
    w[PARAMS + 1] = 3 | capabilities++ << 32;
    w[++end] = SENDER_HOSTED | (uint64_t)export << 32;
    ++end;
  }
  if (capabilities > 0) {
    w[PAYLOAD + 1] = 1 | (uint64_t)(table - PAYLOAD - 2) << 2 | (7 | capabilities * 2 << 3) << 32;
    w[table] = capabilities << 2 | 1ULL << 32 | 1ULL << 48;
    ++end;
  }
  w[0] = (uint64_t)(end - 1) << 32;
  send_all(w, end * WORD);
  return returned_capability();
}

// The questions are never finished: their results are needed until the end.
static void subscribe(void) {
  const uint64_t bootstrap[] = {5ULL << 32, 1ULL << 32 | 1ULL << 48, 8, 1ULL << 32 | 1ULL << 48, 0, 0};
  send_all(bootstrap, sizeof bootstrap);
  uint32_t init = returned_capability();
  uint32_t thread_map = call(init, INIT, 0, 1, 0, -1);
  uint32_t thread = call(thread_map, THREAD_MAP, 0, 1, 0, -1);
  uint32_t chain = call(init, INIT, 4, 1, thread, -1);
  uint32_t tracing = call(init, INIT, 7, 1, thread, -1);
  call(chain, CHAIN, 39, 2, thread, NOTIFICATIONS_EXPORT);
  call(tracing, TRACING, 0, 2, thread, TRACE_EXPORT);
}

static void count(const uint8_t* message) {
  uint64_t interface = u64(message + INTERFACE);
  uint16_t method = u32(message + METHOD);
  if (interface == UTXO_CACHE_TRACE && method == 1) ++coins;
  else if (interface == CHAIN_NOTIFICATIONS && method == 1) ++added;
  else if (interface == CHAIN_NOTIFICATIONS && method == 3) ++blocks;
  else ++others;
}

// A Return without results that releases the capabilities of the parameters: releaseParamCaps is stored inverted.
enum { ANSWER_WORDS = 9, ANSWER_ID = 4 };
static const uint64_t ANSWER[ANSWER_WORDS] = {
    8ULL << 32, 1ULL << 32 | 1ULL << 48, 3, 2ULL << 32 | 1ULL << 48, 0, 0, 2ULL << 48, 0xfffffffc, 0};

// All calls in the buffer are answered in one write; unused bytes of a message are skipped.
static void answer_calls(void) {
  static uint8_t in[READ_BYTES];
  static uint64_t out[READ_BYTES / WORD / 5 * ANSWER_WORDS];
  size_t filled = 0, left = 0;  // left: remaining bytes of the current message
  int is_call = 0;
  uint32_t question = 0;
  for (;;) {
    ssize_t received = read(node, in + filled, sizeof in - filled);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return;
    filled += received;
    size_t at = 0, answered = 0;
    for (;;) {
      size_t here = filled - at < left ? filled - at : left;
      at += here;
      left -= here;
      if (left > 0) break;
      if (is_call) {
        uint64_t* answer = out + ANSWER_WORDS * answered++;
        memcpy(answer, ANSWER, sizeof ANSWER);
        answer[ANSWER_ID] = question;
        is_call = 0;
      }
      if (filled - at < WORD) break;
      uint32_t segments = u32(in + at) + 1;
      size_t table = (segments / 2 + 1) * WORD, size = table;
      if (filled - at < table) break;
      for (uint32_t i = 1; i <= segments; ++i) size += (size_t)u32(in + at + 4 * i) * WORD;
      if (filled - at < (size < table + CALL_HEAD ? size : table + CALL_HEAD)) break;
      const uint8_t* message = in + at + table;
      is_call = (uint16_t)u32(message + WHICH) == CALL;
      if (is_call) {
        question = u32(message + QUESTION);
        count(message);
      }
      left = size;
    }
    memmove(in, in + at, filled - at);
    filled -= at;
    if (answered > 0) send_all(out, answered * sizeof ANSWER);
  }
}

int main(int argc, char** argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
    fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
    return 2;
  }
  strcpy(address.sun_path, argv[1]);
  signal(SIGUSR2, tell_counts);
  node = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(node, (struct sockaddr*)&address, sizeof address) != 0) fail(argv[1]);
  subscribe();
  dprintf(STDOUT_FILENO, "subscribed\n");
  answer_calls();
  return 0;
}
