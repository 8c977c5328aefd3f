// What the node knows of one client. The client's objects keep it; its connection reports when the client has disconnected.
#pragma once

#include "methods.h"
#include "mp/proxy.capnp.h"

#include <capnp/capability.h>
#include <kj/function.h>
#include <kj/refcount.h>

namespace reference {

struct Simulation;
class Turn;

using CallContext = capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer>;

class Peer final : public kj::Refcounted {
public:
  Peer(Simulation& simulation, uint id) : simulation(simulation), id(id) {}

  // What every call goes through: it is counted, takes its thread's turn, suffers the method's faults, and is answered
  // from the answers or, when they have none, by `body`. It ends when the client is gone.
  kj::Promise<void> serve(Method method, CallContext context, kj::Function<kj::Promise<void>()> body);

  // The client is gone: ends its calls and its subscriptions. False when it had any of these.
  bool leave();

  Simulation& simulation;
  const uint id;
  uint callsUnderWay = 0;
  ::ThreadMap::Client clientThreads = nullptr;  // set by Init.construct; stays null for a client without one

private:
  kj::Promise<kj::Maybe<kj::Own<Turn>>> takeTurn(Method method, CallContext context);

  kj::PromiseFulfillerPair<void> departure = kj::newPromiseAndFulfiller<void>();
  kj::ForkedPromise<void> departed = departure.promise.fork();  // rejects
};

}  // namespace reference
