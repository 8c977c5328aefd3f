// The node's threads as clients see them. There is no thread behind one: it only knows whether a call is on it.
#pragma once

#include "object.h"

#include <kj/debug.h>

namespace reference {

class Thread;

// A call's stay on its thread.
class Turn {
public:
  Turn(Thread& thread, ::Thread::Client hold);
  ~Turn();
  KJ_DISALLOW_COPY(Turn);

private:
  Thread& thread;
  ::Thread::Client hold;  // a client may release the thread while it waits for the Return
};

class Thread final : public Object<::Thread> {
public:
  Thread(Peer& peer, kj::StringPtr name, kj::StringPtr label) : Object(peer, label), name(kj::str(name)) {}

  // Throws `thread busy` while another call is on the thread.
  kj::Own<Turn> takeTurn(::Thread::Client self);

  kj::Promise<void> getName(GetNameContext context) override;

private:
  friend class Turn;
  kj::String name;
  bool busy = false;
};

class ThreadMap final : public Object<::ThreadMap> {
public:
  using Object::Object;
  kj::Promise<void> makeThread(MakeThreadContext context) override;
};

}  // namespace reference
