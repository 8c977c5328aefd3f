// The socket and its connections.
#pragma once

#include "simulation.h"

#include <kj/async-io.h>

namespace reference {

class Connection;

class Server final : private kj::TaskSet::ErrorHandler {
public:
  Server(Simulation& simulation, kj::Own<kj::ConnectionReceiver> receiver);
  ~Server() noexcept(false);

  // Closes every connection without a word.
  void drop();

private:
  kj::Promise<void> accept();
  void welcome(kj::Own<kj::AsyncIoStream> stream);
  void goodbye(uint id);
  void taskFailed(kj::Exception&& exception) override;

  Simulation& simulation;
  kj::Own<kj::ConnectionReceiver> receiver;
  std::map<uint, kj::Own<Connection>> connections;
  kj::TaskSet tasks;
};

}  // namespace reference
