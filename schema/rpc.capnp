# Rpc: every JSON-RPC method of the node, request and reply as JSON text. Stock nodes after v31 offer it.

@0x9c3505dc45e146ac;

using Proxy = import "mp/proxy.capnp";

interface Rpc {
  executeRpc @0 (context :Proxy.Context, request :Text, uri :Text, user :Text) -> (result :Text);
}
