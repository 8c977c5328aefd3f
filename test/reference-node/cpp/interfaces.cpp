// Echo, waiting for a tip, executeRpc, and callbacks from their registration to disconnect.
#include "interfaces.h"

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

::BlockRef::Reader Mining::tip() const {
  auto getTip = capnp::Schema::from<::Mining>().getMethodByName("getTip");
  return KJ_ASSERT_NONNULL(peer->simulation.answers.find(getTip)).as<::Mining::GetTipResults>().getResult();
}

kj::Promise<void> Mining::untilTipIsNot(kj::ArrayPtr<const kj::byte> hash) {
  if (tip().getHash() != hash) return kj::READY_NOW;
  return peer->simulation.answers.onChange().then([this, hash] { return untilTipIsNot(hash); });
}

// Returns the current tip when the time is over. By default there is no end to it.
kj::Promise<void> Mining::waitTipChanged(WaitTipChangedContext context) {
  constexpr double longestMs = 1e12;
  auto ms = context.getParams().getTimeout();
  kj::Promise<void> timeout = kj::NEVER_DONE;
  if (ms < longestMs) timeout = peer->simulation.timer.afterDelay(static_cast<int64_t>(ms) * kj::MILLISECONDS);
  return untilTipIsNot(context.getParams().getCurrentTip())
      .exclusiveJoin(kj::mv(timeout))
      .then([this, context]() mutable { context.getResults().setResult(tip()); });
}

kj::Promise<void> Chain::handleNotifications(HandleNotificationsContext context) {
  context.getResults().setResult(subscribe(*peer, context.getParams().getNotifications()));
  return kj::READY_NOW;
}

kj::Promise<void> Node::executeRpc(ExecuteRpcContext context) {
  auto& rpc = peer->simulation.answers.rpc;
  auto found = rpc.find(context.getParams().getCommand().cStr());
  auto results = context.getResults();
  // All three texts are set; the one that applies is not empty.
  results.setError("");
  results.setRpcError(found == rpc.end() ? R"({"code":-32601,"message":"Method not found"})" : "");
  results.setResult(found == rpc.end() ? "" : found->second.c_str());
  return kj::READY_NOW;
}

kj::Promise<void> Tracing::traceUtxoCache(TraceUtxoCacheContext context) {
  context.getResults().setResult(subscribe(*peer, context.getParams().getCallback()));
  return kj::READY_NOW;
}

kj::Promise<void> Handler::disconnect(DisconnectContext) { return subscription->end(); }

}  // namespace reference
