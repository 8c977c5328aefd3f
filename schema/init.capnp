# Init: the bootstrap capability. A client calls construct first; each make method returns one interface.
# The ordinals are those of the pr/trace layout.

@0xf2c5cfa319406aa6;

using Chain = import "chain.capnp";
using Common = import "common.capnp";
using Echo = import "echo.capnp";
using Mining = import "mining.capnp";
using Proxy = import "mp/proxy.capnp";
using Node = import "node.capnp";
using Tracing = import "tracing.capnp";
using Wallet = import "wallet.capnp";

interface Init {
  construct @0 (threadMap :Proxy.ThreadMap) -> (threadMap :Proxy.ThreadMap);
  makeEcho @1 (context :Proxy.Context) -> (result :Echo.Echo);
  makeMiningOld2 @2 () -> ();
  makeMining @3 (context :Proxy.Context) -> (result :Mining.Mining);
  makeChain @4 (context :Proxy.Context) -> (result :Chain.Chain);
  makeNode @5 (context :Proxy.Context) -> (result :Node.Node);
  makeWalletLoader @6 (context :Proxy.Context, globalArgs :Common.GlobalArgs, chain :Chain.Chain)
    -> (result :Wallet.WalletLoader);
  makeTracing @7 (context :Proxy.Context) -> (result :Tracing.Tracing);
}
