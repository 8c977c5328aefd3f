// A plain subscriber on the Cap'n Proto C++ runtime: capnp-subscriber SOCKET
// Prints `subscribed` when both callbacks are subscribed, and the counts on SIGUSR2; exits with its connection.
#include "chain.capnp.h"
#include "init.capnp.h"
#include "tracing.capnp.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/io.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <unistd.h>

namespace {

struct Counts {
  uint64_t added = 0, blocks = 0, coins = 0, others = 0;
};

class Notifications final : public ChainNotifications::Server {
public:
  explicit Notifications(Counts& counts) : counts(counts) {}

protected:
  kj::Promise<void> destroy(DestroyContext) override { return other(); }
  kj::Promise<void> transactionAddedToMempool(TransactionAddedToMempoolContext context) override {
    if (context.getParams().getTx().size() > 0) ++counts.added;
    return kj::READY_NOW;
  }
  kj::Promise<void> transactionRemovedFromMempool(TransactionRemovedFromMempoolContext) override { return other(); }
  kj::Promise<void> blockConnected(BlockConnectedContext context) override {
    if (context.getParams().getBlock().getHeight() >= 0) ++counts.blocks;
    return kj::READY_NOW;
  }
  kj::Promise<void> blockDisconnected(BlockDisconnectedContext) override { return other(); }
  kj::Promise<void> updatedBlockTip(UpdatedBlockTipContext) override { return other(); }
  kj::Promise<void> chainStateFlushed(ChainStateFlushedContext) override { return other(); }

private:
  kj::Promise<void> other() {
    ++counts.others;
    return kj::READY_NOW;
  }

  Counts& counts;
};

class Trace final : public UtxoCacheTrace::Server {
public:
  explicit Trace(Counts& counts) : counts(counts) {}

protected:
  kj::Promise<void> destroy(DestroyContext) override { return other(); }
  kj::Promise<void> add(AddContext context) override {
    if (context.getParams().getUtxoInfo().getValue() >= 0) ++counts.coins;
    return kj::READY_NOW;
  }
  kj::Promise<void> spend(SpendContext) override { return other(); }
  kj::Promise<void> uncache(UncacheContext) override { return other(); }

private:
  kj::Promise<void> other() {
    ++counts.others;
    return kj::READY_NOW;
  }

  Counts& counts;
};

void say(kj::StringPtr line) { kj::FdOutputStream(STDOUT_FILENO).write(line.begin(), line.size()); }

kj::Promise<void> tellCounts(kj::UnixEventPort& port, const Counts& counts) {
  return port.onSignal(SIGUSR2).then([&port, &counts](siginfo_t&&) {
    say(kj::str("{\"added\":", counts.added, ",\"blocks\":", counts.blocks, ",\"coins\":", counts.coins,
                ",\"others\":", counts.others, "}\n"));
    return tellCounts(port, counts);
  });
}

template <typename Request>
Request on(::Thread::Client thread, Request&& request) {
  request.initContext().setThread(thread);
  return kj::mv(request);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s SOCKET\n", argv[0]);
    return 2;
  }
  kj::UnixEventPort::captureSignal(SIGUSR2);
  auto io = kj::setupAsyncIo();
  auto address = io.provider->getNetwork().parseAddress(kj::str("unix:", argv[1])).wait(io.waitScope);
  auto stream = address->connect().wait(io.waitScope);
  capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::CLIENT);
  auto rpc = capnp::makeRpcClient(network);

  capnp::MallocMessageBuilder message;
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  auto init = rpc.bootstrap(vat).castAs<Init>();
  auto threadMap = init.constructRequest().send().wait(io.waitScope).getThreadMap();
  auto thread = threadMap.makeThreadRequest().send().wait(io.waitScope).getResult();
  auto chain = on(thread, init.makeChainRequest()).send().wait(io.waitScope).getResult();
  auto tracing = on(thread, init.makeTracingRequest()).send().wait(io.waitScope).getResult();

  Counts counts;
  auto handle = on(thread, chain.handleNotificationsRequest());
  handle.setNotifications(kj::heap<Notifications>(counts));
  auto notifications = handle.send().wait(io.waitScope).getResult();
  auto trace = on(thread, tracing.traceUtxoCacheRequest());
  trace.setCallback(kj::heap<Trace>(counts));
  auto registration = trace.send().wait(io.waitScope).getResult();

  auto telling = tellCounts(io.unixEventPort, counts).eagerlyEvaluate(nullptr);
  say("subscribed\n");
  network.onDisconnect().wait(io.waitScope);
  return 0;
}
