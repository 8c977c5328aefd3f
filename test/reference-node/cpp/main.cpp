// A simulated bitcoin-node on the real Cap'n Proto runtime: reference-node SOCKET LAYOUT.
// Lives until the end of its standard input, which brings commands.
#include "control.h"

#include <cstdio>
#include <unistd.h>

int main(int argc, char** argv) {
  using namespace reference;
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s SOCKET LAYOUT\n", argv[0]);
    return 2;
  }
  kj::StringPtr path = argv[1];
  auto makeInit = findLayout(argv[2]);
  ::unlink(path.cStr());  // left behind by a node that was killed

  auto io = kj::setupAsyncIo();
  Json json;
  Output output(json);
  Simulation simulation(io.provider->getTimer(), json, output);
  auto address = io.provider->getNetwork().parseAddress(kj::str("unix:", path)).wait(io.waitScope);
  Server server(simulation, address->listen(), makeInit);
  output.event("listening", 0);

  auto input = io.lowLevelProvider->wrapInputFd(STDIN_FILENO);
  Control(simulation, server, json).run(*input).wait(io.waitScope);
  return 0;
}
