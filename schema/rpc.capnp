# Rpc: the JSON-RPC methods of the node, with request and reply as JSON text. In releases since v32.

@0x9c3505dc45e146ac;

using Proxy = import "mp/proxy.capnp";

interface Rpc {
  executeRpc @0 (context :Proxy.Context, request :Text, uri :Text, user :Text) -> (result :Text);
}
