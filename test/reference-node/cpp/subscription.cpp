// The order of calls and what each one carries.
#include "subscription.h"

#include "peer.h"
#include "simulation.h"
#include "threads.h"

#include <kj/time.h>

namespace reference {

// As the real node does, requestThread is called on the client's thread map. A client without one makes it a promise
// that breaks: each call then brings a senderPromise and a Resolve to an exception.
Subscription::Subscription(Peer& peer, capnp::DynamicCapability::Client callback)
    : peer(kj::addRef(peer)),
      schema(callback.getSchema()),
      callback(kj::mv(callback)),
      requestThread(peer.clientThreads.makeThreadRequest().send().getResult()),
      callbackThread(kj::heap<Thread>(peer, "callback", "CallbackThread")),
      line(kj::Promise<void>(kj::READY_NOW).fork()) {}

kj::Promise<void> Subscription::inLine(kj::Function<kj::Promise<void>()> work) {
  auto turn = line.addBranch().then(kj::mv(work)).attach(kj::addRef(*this)).fork();
  line = turn.addBranch().catch_([](kj::Exception&&) {}).fork();
  return turn.addBranch();
}

kj::Promise<void> Subscription::fire(Volley& volley) {
  return inLine([this, &volley] {
    volley.left = volley.count;
    auto shooters = kj::heapArrayBuilder<kj::Promise<void>>(volley.depth);
    for (uint i = 0; i < volley.depth; ++i) shooters.add(shoot(volley));
    return kj::joinPromises(shooters.finish());
  });
}

// evalLast: the real node's thread sends its next call later than its event loop reads what the client sent along with
// the Return, such as Release of the last call's capabilities.
kj::Promise<void> Subscription::shoot(Volley& volley) {
  return kj::evalLast([this, &volley]() -> kj::Promise<void> {
    if (volley.left == 0 || leaving) return kj::READY_NOW;
    --volley.left;
    auto& clock = kj::systemPreciseMonotonicClock();
    auto start = clock.now();
    return call(volley.method, volley.params)
        .then([&volley, &clock, start] { volley.microseconds.add((clock.now() - start) / kj::MICROSECONDS); },
              [&volley](kj::Exception&& e) { volley.errors.add(kj::str(e.getDescription())); })
        .then([this, &volley] { return shoot(volley); });
  });
}

kj::Promise<void> Subscription::call(Method method, kj::Maybe<capnp::DynamicStruct::Reader> params) {
  auto request = KJ_ASSERT_NONNULL(callback).newRequest(method);
  // The context comes first, so that it is laid out where the real node has it.
  if (method.getParamType().findFieldByName("context") != nullptr) {
    auto context = request.init("context").as<::Context>();
    if (method.getProto().getName() != "destroy") context.setThread(requestThread);
    context.setCallbackThread(callbackThread);
  }
  KJ_IF_MAYBE(given, params) {
    for (auto field : given->getSchema().getFields()) {
      if (given->has(field)) request.set(field, given->get(field));
    }
  }
  ++underWay;
  return request.send()
      .ignoreResult()
      .then([this, name = nameOf(method)] { peer->simulation.callbacks[name] += 1; })
      .attach(kj::defer([self = kj::addRef(*this)]() mutable { --self->underWay; }));
}

kj::Promise<void> Subscription::end() {
  if (leaving) return inLine([]() -> kj::Promise<void> { return kj::READY_NOW; });
  leaving = true;
  bool busy = underWay > 0;
  auto ended = inLine([this] {
    return call(schema.getMethodByName("destroy"), nullptr).then([this] {
      auto& simulation = peer->simulation;
      simulation.output.event("unsubscribed", peer->id, interface());
      callback = nullptr;
      simulation.subscriptions.remove_if([this](auto& other) { return other.get() == this; });
    });
  });
  if (!busy) return ended;
  ended.detach([](kj::Exception&&) {});
  return kj::READY_NOW;
}

}  // namespace reference
