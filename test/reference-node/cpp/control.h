// Obeys the commands that come in by lines.
#pragma once

#include "server.h"

namespace reference {

class Control final : private kj::TaskSet::ErrorHandler {
public:
  Control(Simulation& simulation, Server& server, const Json& json)
      : simulation(simulation), server(server), json(json), tasks(*this) {}

  // Resolves at the end of the input or on exit.
  kj::Promise<void> run(kj::AsyncInputStream& input);

private:
  kj::Promise<void> read(kj::AsyncInputStream& input);
  kj::Promise<void> obey(kj::ArrayPtr<const char> line);
  kj::Promise<void> execute(control::Command::Reader command, control::Reply::Builder reply);
  kj::Promise<void> fire(control::Command::Fire::Reader fire, control::Reply::Builder reply);
  void writeStats(control::Stats::Builder stats);
  void taskFailed(kj::Exception&& exception) override;

  Simulation& simulation;
  Server& server;
  const Json& json;
  kj::Vector<char> line;  // read so far, without its end
  kj::PromiseFulfillerPair<void> leave = kj::newPromiseAndFulfiller<void>();
  kj::TaskSet tasks;
};

}  // namespace reference
