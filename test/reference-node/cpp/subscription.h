// One registered callback: ChainNotifications or UtxoCacheTrace, from handle or trace to its end.
// The node's calls of it stand in line, as they do on the real node's thread.
#pragma once

#include "methods.h"
#include "mp/proxy.capnp.h"

#include <capnp/dynamic.h>
#include <kj/function.h>
#include <kj/refcount.h>
#include <kj/vector.h>

namespace reference {

class Peer;

// Calls of one callback, all alike, to one subscriber after another.
struct Volley {
  Method method;
  capnp::DynamicStruct::Reader params;  // without context
  uint count;                           // calls to each subscriber
  uint depth;                           // calls in flight
  uint left = 0;                        // calls that the present subscriber is still to be sent
  kj::Vector<uint32_t> microseconds{};  // of each answered call
  kj::Vector<kj::String> errors{};
};

class Subscription final : public kj::Refcounted {
public:
  Subscription(Peer& peer, capnp::DynamicCapability::Client callback);

  kj::StringPtr interface() const { return schema.getShortDisplayName(); }
  const Peer& subscriber() const { return *peer; }

  // The volley has to live until the promise is done. It stops early when the subscription ends.
  kj::Promise<void> fire(Volley& volley);

  // Handler.disconnect: destroys the client's object, then releases it. When callbacks are under way it is done at once,
  // and that follows them: the real node's thread that makes a callback holds the object until then.
  kj::Promise<void> end();

  // The connection is gone.
  void abandon() { leaving = true; }

private:
  kj::Promise<void> inLine(kj::Function<kj::Promise<void>()> work);
  kj::Promise<void> shoot(Volley& volley);
  kj::Promise<void> call(Method method, kj::Maybe<capnp::DynamicStruct::Reader> params);

  kj::Own<Peer> peer;
  const capnp::InterfaceSchema schema;
  kj::Maybe<capnp::DynamicCapability::Client> callback;  // null after end
  ::Thread::Client requestThread;
  ::Thread::Client callbackThread;
  uint underWay = 0;  // callbacks that wait for their Return
  bool leaving = false;
  kj::ForkedPromise<void> line;
};

}  // namespace reference
