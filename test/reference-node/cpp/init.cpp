// One server for all layouts: on the wire they are one interface, of one id, whose ordinals mean different things.
#include "init.h"

#include "init.capnp.h"
#include "interfaces.h"
#include "layouts.capnp.h"
#include "threads.h"

namespace reference {

namespace {

// Serves layouts::Init, under the id of the real one.
class Init final : public Object<layouts::Init> {
public:
  using Object::Object;

  DispatchCallResult dispatchCall(uint64_t interfaceId, uint16_t ordinal, CallContext context) override {
    constexpr auto name = "init.capnp:Init";
    constexpr auto id = capnp::typeId<::Init>();
    if (interfaceId != id) return internalUnimplemented(name, interfaceId);
    KJ_IF_MAYBE(method, methodAt(ordinal)) {
      if (method->getProto().getName() == "makeWalletLoader") ++peer->simulation.walletLoaderCalls;
      return Object::dispatchCall(capnp::typeId<layouts::Init>(), method->getOrdinal(), context);
    }
    return internalUnimplemented(name, id, ordinal);
  }

  kj::Promise<void> construct(ConstructContext context) override {
    if (context.getParams().hasThreadMap()) peer->clientThreads = context.getParams().getThreadMap();
    context.getResults().setThreadMap(kj::heap<ThreadMap>(*peer));
    return kj::READY_NOW;
  }

  kj::Promise<void> makeMiningOld2(MakeMiningOld2Context) override {
    return KJ_EXCEPTION(FAILED, "std::exception: Old mining interface (@2) not supported. Please update your client!");
  }

  // It takes arguments that no client of this node has: a caller took it for another method.
  kj::Promise<void> makeWalletLoader(MakeWalletLoaderContext) override {
    return KJ_EXCEPTION(FAILED, "makeWalletLoader is not for exporters");
  }

  kj::Promise<void> registerExternalSigner(RegisterExternalSignerContext context) override {
    if (!context.getParams().hasSigner()) return KJ_EXCEPTION(FAILED, "std::exception: no signer to register");
    return make<Echo>(context);
  }

  kj::Promise<void> makeEcho(MakeEchoContext context) override { return make<Echo>(context); }
  kj::Promise<void> makeMining(MakeMiningContext context) override { return make<Mining>(context); }
  kj::Promise<void> makeRpc(MakeRpcContext context) override { return make<Rpc>(context); }
  kj::Promise<void> makeChain(MakeChainContext context) override { return make<Chain>(context); }
  kj::Promise<void> makeNode(MakeNodeContext context) override { return make<Node>(context); }
  kj::Promise<void> makeTracing(MakeTracingContext context) override { return make<Tracing>(context); }

private:
  kj::Maybe<Method> methodAt(uint16_t ordinal) {
    auto& names = peer->simulation.layout.init;
    if (ordinal >= kj::size(names) || names[ordinal] == nullptr) return nullptr;
    return capnp::Schema::from<layouts::Init>().getMethodByName(names[ordinal]);
  }

  template <typename Made, typename Context>
  kj::Promise<void> make(Context& context) {
    context.getResults().setResult(kj::heap<Made>(*peer));
    return kj::READY_NOW;
  }
};

}  // namespace

capnp::Capability::Client makeInit(Peer& peer) { return kj::heap<Init>(peer); }

}  // namespace reference
