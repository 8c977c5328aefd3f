// The way of a call, and the end of a client.
#include "peer.h"

#include "simulation.h"
#include "threads.h"

#include <capnp/dynamic.h>
#include <kj/debug.h>

namespace reference {

namespace {

// A call with a context costs the real node a hand-over to another thread. Here it takes long enough for a client that
// sends a second call on a thread without waiting for the first to be caught at it.
constexpr auto threadTime = 1 * kj::MILLISECONDS;

}  // namespace

kj::Promise<void> Peer::serve(Method method, CallContext context, kj::Function<kj::Promise<void>()> body) {
  auto name = nameOf(method);
  simulation.calls[name] += 1;
  // A client may disconnect during this call: the stock nodes that have it survive.
  uint counted = name == "Mining.waitTipChanged" ? 0 : 1;
  callsUnderWay += counted;
  auto answer = [this, method, context, body = kj::mv(body)]() mutable -> kj::Promise<void> {
    KJ_IF_MAYBE(results, simulation.answers.find(method)) {
      context.getResults().setAs<capnp::DynamicStruct>(*results);
      return kj::READY_NOW;
    }
    return body();
  };
  return takeTurn(method, context)
      .then([this, name, answer = kj::mv(answer)](kj::Maybe<kj::Own<Turn>> turn) mutable {
        return simulation.faults.suffer(name).then(kj::mv(answer)).attach(kj::mv(turn));
      })
      .exclusiveJoin(departed.addBranch())
      .attach(kj::defer([self = kj::addRef(*this), counted]() mutable { self->callsUnderWay -= counted; }));
}

// Null for a method without a context: it runs on the node's event loop.
kj::Promise<kj::Maybe<kj::Own<Turn>>> Peer::takeTurn(Method method, CallContext context) {
  kj::Maybe<kj::Own<Turn>> turn;
  auto type = method.getParamType();
  if (type.findFieldByName("context") == nullptr) return kj::mv(turn);

  auto noThread = [this] {
    return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str(simulation.layout.noThread));
  };
  auto named = context.getParams().getAs<capnp::DynamicStruct>(type).get("context").as<::Context>();
  if (!named.hasThread()) return noThread();
  auto thread = named.getThread();
  return simulation.threads.getLocalServer(thread).then([=](kj::Maybe<::Thread::Server&> server) mutable {
    KJ_IF_MAYBE(ours, server) {
      auto turn = kj::downcast<Thread>(*ours).takeTurn(kj::mv(thread));
      return simulation.timer.afterDelay(threadTime).then([turn = kj::mv(turn)]() mutable {
        return kj::Maybe<kj::Own<Turn>>(kj::mv(turn));
      });
    }
    kj::throwFatalException(noThread());
  });
}

bool Peer::leave() {
  bool clean = true;
  simulation.subscriptions.remove_if([&](auto& subscription) {
    if (&subscription->subscriber() != this) return false;
    subscription->abandon();
    clean = false;
    return true;
  });
  departure.fulfiller->reject(KJ_EXCEPTION(DISCONNECTED, "the client is gone"));
  return clean;
}

}  // namespace reference
