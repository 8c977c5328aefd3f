// One call at a time per thread; a second one is refused and counted as a violation.
#include "threads.h"

namespace reference {

Turn::Turn(Thread& thread, ::Thread::Client hold) : thread(thread), hold(kj::mv(hold)) { thread.busy = true; }
Turn::~Turn() { thread.busy = false; }

kj::Own<Turn> Thread::takeTurn(::Thread::Client self) {
  if (busy) {
    peer->simulation.threadViolations += 1;
    kj::throwFatalException(KJ_EXCEPTION(FAILED, "thread busy"));
  }
  return kj::heap<Turn>(*this, kj::mv(self));
}

kj::Promise<void> Thread::getName(GetNameContext context) {
  context.getResults().setResult(name);
  return kj::READY_NOW;
}

kj::Promise<void> ThreadMap::makeThread(MakeThreadContext context) {
  auto thread = kj::heap<Thread>(*peer, context.getParams().getName(), "Thread");
  context.getResults().setResult(peer->simulation.threads.add(kj::mv(thread)));
  return kj::READY_NOW;
}

}  // namespace reference
