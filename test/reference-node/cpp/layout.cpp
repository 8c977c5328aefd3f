// The layouts of real nodes, and four of no node.
#include "layout.h"

#include <kj/debug.h>

namespace reference {

namespace {

constexpr auto invalidHandle = "invalid thread handle";
constexpr auto noPool = "std::exception: no thread specified and no pool configured";

constexpr Layout knownLayouts[] = {
    {"pr/trace", true, invalidHandle,
     {"construct", "makeEcho", "makeMiningOld2", "makeMining", "makeChain", "makeNode", "makeWalletLoader",
      "makeTracing"}},
    {"ipc-2026-02", false, invalidHandle,
     {"construct", "makeEcho", "makeMining", "makeChain", "makeNode", "makeWalletLoader"}},
    {"v30", false, invalidHandle, {"construct", "makeEcho", "makeMining"}},
    {"v31", true, invalidHandle, {"construct", "makeEcho", "makeMiningOld2", "makeMining"}},
    {"v32", true, noPool, {"construct", "makeEcho", "makeMiningOld2", "makeMining", "makeRpc"}},
    {"pr-29409", true, noPool,
     {"construct", "makeEcho", "makeMiningOld2", "makeMining", "makeRpc", "makeChain", "makeNode",
      "makeWalletLoader"}},
    // Of no release: too little, and something else where the others have Chain, Node or Rpc.
    {"echo-only", true, noPool, {"construct", "makeEcho", "makeMiningOld2"}},
    {"tracing-at-4", true, noPool, {"construct", "makeEcho", "makeMiningOld2", "makeMining", "makeTracing"}},
    {"signer-at-5", true, noPool,
     {"construct", "makeEcho", "makeMiningOld2", "makeMining", "makeRpc", "registerExternalSigner"}},
    {"tracing-at-5", true, noPool, {"construct", "makeEcho", "makeMiningOld2", "makeMining", "makeRpc", "makeTracing"}},
};

}  // namespace

const Layout& findLayout(kj::StringPtr name) {
  for (auto& layout : knownLayouts) {
    if (name == layout.name) return layout;
  }
  KJ_FAIL_REQUIRE("unknown layout", name);
}

}  // namespace reference
