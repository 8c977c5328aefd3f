// Echo, waiting for a tip, executeRpc, and callbacks from their registration to disconnect.
#include "interfaces.h"

#include "layouts.capnp.h"

#include <capnp/any.h>

namespace reference {

namespace {

::Handler::Client subscribe(Peer& peer, capnp::DynamicCapability::Client callback) {
  auto subscription = kj::refcounted<Subscription>(peer, kj::mv(callback));
  peer.simulation.subscriptions.push_back(kj::addRef(*subscription));
  peer.simulation.output.event("subscribed", peer.id, subscription->interface());
  return kj::heap<Handler>(peer, kj::mv(subscription));
}

}  // namespace

kj::Promise<void> Echo::echo(EchoContext context) {
  context.getResults().setResult(context.getParams().getEcho());
  return kj::READY_NOW;
}

::Mining::GetTipResults::Reader Mining::tipResults() const {
  auto getTip = capnp::Schema::from<::Mining>().getMethodByName("getTip");
  return KJ_ASSERT_NONNULL(peer->simulation.answers.find(getTip)).as<::Mining::GetTipResults>();
}

kj::Promise<void> Mining::untilTipIsNot(kj::ArrayPtr<const kj::byte> hash) {
  if (tipResults().getResult().getHash() != hash) return kj::READY_NOW;
  return peer->simulation.answers.onChange().then([this, hash] { return untilTipIsNot(hash); });
}

double Mining::timeoutOf(::Mining::WaitTipChangedParams::Reader params) const {
  if (peer->simulation.layout.timeoutHasDefault) return params.getTimeout();
  return capnp::AnyStruct::Reader(params).as<layouts::WaitTipChanged>().getTimeout();
}

// Returns the current tip when the time is over. By default there is no end to it. Without a tip, as when the node stops, it
// returns none.
kj::Promise<void> Mining::waitTipChanged(WaitTipChangedContext context) {
  constexpr double longestMs = 1e12;
  auto ms = timeoutOf(context.getParams());
  peer->simulation.waitTimeouts.add(ms);
  kj::Promise<void> timeout = kj::NEVER_DONE;
  if (ms < longestMs) timeout = peer->simulation.timer.afterDelay(static_cast<int64_t>(ms) * kj::MILLISECONDS);
  return untilTipIsNot(context.getParams().getCurrentTip())
      .exclusiveJoin(kj::mv(timeout))
      .then([this, context]() mutable {
        if (tipResults().getHasResult()) context.getResults().setResult(tipResults().getResult());
      });
}

kj::Promise<void> Chain::handleNotifications(HandleNotificationsContext context) {
  context.getResults().setResult(subscribe(*peer, context.getParams().getNotifications()));
  return kj::READY_NOW;
}

kj::Promise<void> Node::executeRpc(ExecuteRpcContext context) {
  auto command = context.getParams();
  auto& simulation = peer->simulation;
  auto called = kj::evalNow([&] {
    // Through the codec, which has one spelling for the same parameters.
    capnp::MallocMessageBuilder message;
    auto params = message.initRoot<capnp::JsonValue>();
    auto& codec = simulation.json.codec;
    codec.decodeRaw(command.getParams(), params);
    return simulation.jsonRpc.call(command.getCommand().cStr(), codec.encodeRaw(params).cStr());
  });
  // All three texts are set; the one that applies is not empty.
  auto reply = [context](kj::StringPtr error, kj::StringPtr rpcError, kj::StringPtr result) mutable {
    auto results = context.getResults();
    results.setError(error);
    results.setRpcError(rpcError);
    results.setResult(result);
  };
  return called.then([=](Outcome outcome) mutable { reply("", outcome.error.c_str(), outcome.result.c_str()); },
                     [=](kj::Exception&& e) mutable { reply(e.getDescription(), "", ""); });
}

kj::Promise<void> Rpc::executeRpc(ExecuteRpcContext context) {
  return peer->simulation.jsonRpc.execute(context.getParams().getRequest())
      .then([context](kj::String reply) mutable { context.getResults().setResult(reply); });
}

kj::Promise<void> Tracing::traceUtxoCache(TraceUtxoCacheContext context) {
  context.getResults().setResult(subscribe(*peer, context.getParams().getCallback()));
  return kj::READY_NOW;
}

kj::Promise<void> Handler::disconnect(DisconnectContext) { return subscription->end(); }

}  // namespace reference
