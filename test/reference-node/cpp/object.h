// The base of every object that a client can hold. It is counted while it lives, and its calls go by way of
// Peer::serve, so that a subclass has code only for what a scripted answer cannot do.
#pragma once

#include "peer.h"
#include "simulation.h"

#include <capnp/schema.h>

namespace reference {

template <typename Interface>
class Object : public Interface::Server {
public:
  explicit Object(Peer& peer, kj::StringPtr label = capnp::Schema::from<Interface>().getShortDisplayName())
      : peer(kj::addRef(peer)), live(peer.simulation.live[label.cStr()]) {
    ++live;
  }
  ~Object() noexcept(false) { --live; }

  capnp::Capability::Server::DispatchCallResult dispatchCall(uint64_t interfaceId, uint16_t methodId,
                                                             CallContext context) override {
    auto methods = capnp::Schema::from<Interface>().getMethods();
    if (interfaceId != capnp::typeId<Interface>() || methodId >= methods.size()) {
      return Interface::Server::dispatchCall(interfaceId, methodId, context);  // refused by the runtime
    }
    if (peer->simulation.faults.isRemoved(nameOf(methods[methodId]))) {
      auto name = capnp::Schema::from<Interface>().getProto().getDisplayName();
      return this->internalUnimplemented(name.cStr(), interfaceId, methodId);
    }
    auto body = [this, interfaceId, methodId, context]() mutable {
      auto result = Interface::Server::dispatchCall(interfaceId, methodId, context);
      return kj::mv(result.promise);
    };
    return {peer->serve(methods[methodId], context, kj::mv(body)), false};
  }

protected:
  kj::Own<Peer> peer;

private:
  int& live;
};

}  // namespace reference
