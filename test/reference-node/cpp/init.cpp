// The layouts, one class each. All of them are the same interface on the wire and one program can link only one schema
// of it, that of pr/trace: another layout is a class that translates ordinals before it dispatches.
#include "init.h"

#include "init.capnp.h"
#include "interfaces.h"
#include "threads.h"

namespace reference {

namespace {

class InitPrTrace final : public Object<::Init> {
public:
  using Object::Object;

  kj::Promise<void> construct(ConstructContext context) override {
    if (context.getParams().hasThreadMap()) peer->clientThreads = context.getParams().getThreadMap();
    context.getResults().setThreadMap(kj::heap<ThreadMap>(*peer));
    return kj::READY_NOW;
  }

  kj::Promise<void> makeMiningOld2(MakeMiningOld2Context) override {
    return KJ_EXCEPTION(FAILED, "Old mining interface (@2) not supported.");
  }

  kj::Promise<void> makeEcho(MakeEchoContext context) override { return make<Echo>(context); }
  kj::Promise<void> makeMining(MakeMiningContext context) override { return make<Mining>(context); }
  kj::Promise<void> makeChain(MakeChainContext context) override { return make<Chain>(context); }
  kj::Promise<void> makeNode(MakeNodeContext context) override { return make<Node>(context); }
  kj::Promise<void> makeTracing(MakeTracingContext context) override { return make<Tracing>(context); }

private:
  template <typename Made, typename Context>
  kj::Promise<void> make(Context& context) {
    context.getResults().setResult(kj::heap<Made>(*peer));
    return kj::READY_NOW;
  }
};

struct Layout {
  const char* name;
  MakeInit make;
};

constexpr Layout layouts[] = {
    {"pr/trace", [](Peer& peer) -> capnp::Capability::Client { return kj::heap<InitPrTrace>(peer); }},
};

}  // namespace

MakeInit findLayout(kj::StringPtr name) {
  for (auto& layout : layouts) {
    if (name == layout.name) return layout.make;
  }
  KJ_FAIL_REQUIRE("unknown layout", name);
}

}  // namespace reference
