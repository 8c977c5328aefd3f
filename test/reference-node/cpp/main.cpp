// A simulated bitcoin-node on the real Cap'n Proto runtime: reference-node SOCKET [--layout NAME].
// Lives until the end of its standard input, which brings commands.
#include "control.h"

#include <cstdio>
#include <unistd.h>

int main(int argc, char** argv) {
  using namespace reference;
  if (argc != 2 && !(argc == 4 && kj::StringPtr(argv[2]) == "--layout")) {
    std::fprintf(stderr, "usage: %s SOCKET [--layout NAME]\n", argv[0]);
    return 2;
  }
  kj::StringPtr path = argv[1];
  auto& layout = findLayout(argc == 4 ? argv[3] : "pr/trace");
  ::unlink(path.cStr());  // left behind by a node that was killed

  auto io = kj::setupAsyncIo();
  Json json;
  Output output(json);
  Simulation simulation(layout, io.provider->getTimer(), json, output);
  auto address = io.provider->getNetwork().parseAddress(kj::str("unix:", path)).wait(io.waitScope);
  Server server(simulation, address->listen());
  output.event("listening", 0);

  auto input = io.lowLevelProvider->wrapInputFd(STDIN_FILENO);
  Control(simulation, server, json).run(*input).wait(io.waitScope);
  return 0;
}
