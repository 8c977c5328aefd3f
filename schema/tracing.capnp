# Tracing: subscribes a UtxoCacheTrace. A client hosts it and the node calls it for each coin.

@0xfcbbd3f49874128e;

using Handler = import "handler.capnp";
using Proxy = import "mp/proxy.capnp";

interface UtxoCacheTrace {
  destroy @0 (context :Proxy.Context) -> ();
  add @1 (utxoInfo :UtxoInfo) -> ();
  spend @2 (utxoInfo :UtxoInfo) -> ();
  uncache @3 (utxoInfo :UtxoInfo) -> ();
}

interface Tracing {
  traceUtxoCache @0 (context :Proxy.Context, callback :UtxoCacheTrace) -> (result :Handler.Handler);
}

struct UtxoInfo {
  outpointHash @0 :Data;
  outpointN @1 :UInt32;
  height @2 :UInt32;
  value @3 :Int64;
  isCoinbase @4 :Bool;
}
