// The interfaces that Init makes, as far as they have code of their own. Everything else they answer comes from the answers.
#pragma once

#include "chain.capnp.h"
#include "echo.capnp.h"
#include "mining.capnp.h"
#include "node.capnp.h"
#include "object.h"
#include "rpc.capnp.h"
#include "tracing.capnp.h"

namespace reference {

class Echo final : public Object<::Echo> {
public:
  using Object::Object;
  kj::Promise<void> echo(EchoContext context) override;
};

class Mining final : public Object<::Mining> {
public:
  using Object::Object;
  kj::Promise<void> waitTipChanged(WaitTipChangedContext context) override;

private:
  double timeoutOf(::Mining::WaitTipChangedParams::Reader params) const;
  ::Mining::GetTipResults::Reader tipResults() const;
  kj::Promise<void> untilTipIsNot(kj::ArrayPtr<const kj::byte> hash);
};

class Rpc final : public Object<::Rpc> {
public:
  using Object::Object;
  kj::Promise<void> executeRpc(ExecuteRpcContext context) override;
};

class Chain final : public Object<::Chain> {
public:
  using Object::Object;
  kj::Promise<void> handleNotifications(HandleNotificationsContext context) override;
};

class Node final : public Object<::Node> {
public:
  using Object::Object;
  kj::Promise<void> executeRpc(ExecuteRpcContext context) override;
};

class Tracing final : public Object<::Tracing> {
public:
  using Object::Object;
  kj::Promise<void> traceUtxoCache(TraceUtxoCacheContext context) override;
};

class Handler final : public Object<::Handler> {
public:
  Handler(Peer& peer, kj::Own<Subscription> subscription) : Object(peer), subscription(kj::mv(subscription)) {}
  kj::Promise<void> disconnect(DisconnectContext context) override;

private:
  kj::Own<Subscription> subscription;
};

}  // namespace reference
