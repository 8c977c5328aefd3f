# What the schema of one layout lacks of the others.

@0xa2b946bfa8b6e41e;

$import "/capnp/c++.capnp".namespace("reference::layouts");

using Chain = import "/chain.capnp";
using Common = import "/common.capnp";
using Echo = import "/echo.capnp";
using Mining = import "/mining.capnp";
using Node = import "/node.capnp";
using Proxy = import "/mp/proxy.capnp";
using Rpc = import "/rpc.capnp";
using Tracing = import "/tracing.capnp";
using Wallet = import "/wallet.capnp";

interface Init {
  # All methods that Init has in any layout. Their ordinals on the wire are in layout.cpp.

  construct @0 (threadMap :Proxy.ThreadMap) -> (threadMap :Proxy.ThreadMap);
  makeEcho @1 (context :Proxy.Context) -> (result :Echo.Echo);
  makeMiningOld2 @2 () -> ();
  makeMining @3 (context :Proxy.Context) -> (result :Mining.Mining);
  makeRpc @4 (context :Proxy.Context) -> (result :Rpc.Rpc);
  makeChain @5 (context :Proxy.Context) -> (result :Chain.Chain);
  makeNode @6 (context :Proxy.Context) -> (result :Node.Node);
  makeWalletLoader @7 (context :Proxy.Context, globalArgs :Common.GlobalArgs, chain :Chain.Chain)
    -> (result :Wallet.WalletLoader);
  makeTracing @8 (context :Proxy.Context) -> (result :Tracing.Tracing);
  registerExternalSigner @9 (context :Proxy.Context, signer :Echo.Echo) -> (result :Echo.Echo);
  # Of no release: a proposal has a method like it at @5.
}

struct WaitTipChanged {
  # Mining.waitTipChanged's parameters where the timeout has no default.

  context @0 :Proxy.Context;
  currentTip @1 :Data;
  timeout @2 :Float64;
}
