// Connections from accept to their end, and how they ended.
#include "server.h"

#include "init.h"

#include <capnp/rpc-twoparty.h>
#include <kj/debug.h>

namespace reference {

class Connection {
public:
  Connection(kj::Own<kj::AsyncIoStream> stream, kj::Own<Peer> peer)
      : stream(kj::mv(stream)),
        peer(kj::mv(peer)),
        network(*this->stream, capnp::rpc::twoparty::Side::SERVER),
        rpc(capnp::makeRpcServer(network, makeInit(*this->peer))) {}

  kj::Own<kj::AsyncIoStream> stream;
  kj::Own<Peer> peer;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
  bool dropped = false;
};

Server::Server(Simulation& simulation, kj::Own<kj::ConnectionReceiver> receiver)
    : simulation(simulation), receiver(kj::mv(receiver)), tasks(*this) {
  tasks.add(accept());
}

Server::~Server() noexcept(false) {}

kj::Promise<void> Server::accept() {
  return receiver->accept().then([this](kj::Own<kj::AsyncIoStream> stream) {
    welcome(kj::mv(stream));
    return accept();
  });
}

void Server::welcome(kj::Own<kj::AsyncIoStream> stream) {
  auto id = ++simulation.connections;
  ++simulation.liveConnections;
  auto connection = kj::heap<Connection>(kj::mv(stream), kj::refcounted<Peer>(simulation, id));
  tasks.add(connection->network.onDisconnect().then([this, id] { goodbye(id); }));
  connections[id] = kj::mv(connection);
  simulation.output.event("connected", id);
}

void Server::goodbye(uint id) {
  auto connection = kj::mv(connections[id]);
  connections.erase(id);
  --simulation.liveConnections;
  uint interruptedCalls = connection->peer->callsUnderWay;
  bool clean = connection->peer->leave();
  if (!connection->dropped) {
    simulation.interruptedCalls += interruptedCalls;
    if (!clean) ++simulation.uncleanLeaves;
  }
  simulation.output.event("disconnected", id, nullptr,
                          connection->dropped ? "dropped" : clean ? "clean" : "unclean");
}

void Server::drop() {
  for (auto& [id, connection] : connections) {
    connection->dropped = true;
    connection->stream->shutdownWrite();
    connection->stream->abortRead();
  }
}

void Server::taskFailed(kj::Exception&& exception) { KJ_LOG(ERROR, exception); }

}  // namespace reference
