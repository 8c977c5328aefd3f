// What all connections share: the layout, the answers, the faults, the counts and who is subscribed.
#pragma once

#include "answers.h"
#include "faults.h"
#include "json-rpc.h"
#include "layout.h"
#include "mp/proxy.capnp.h"
#include "output.h"
#include "subscription.h"

#include <capnp/capability.h>

#include <list>

namespace reference {

struct Simulation {
  Simulation(const Layout& layout, kj::Timer& timer, const Json& json, Output& output)
      : layout(layout), timer(timer), json(json), output(output), answers(json), faults(timer), jsonRpc(json, faults) {}

  const Layout& layout;
  kj::Timer& timer;
  const Json& json;
  Output& output;
  Answers answers;
  Faults faults;
  JsonRpc jsonRpc;

  // Distinguishes a Thread of ours from a client's.
  capnp::CapabilityServerSet<::Thread> threads;

  // Until disconnect has ended them or their connection has.
  std::list<kj::Own<Subscription>> subscriptions;

  uint connections = 0;
  uint liveConnections = 0;
  uint uncleanLeaves = 0;
  uint interruptedCalls = 0;
  uint threadViolations = 0;
  uint walletLoaderCalls = 0;
  Counts calls;      // received, by method
  Counts callbacks;  // answered with results, by method
  Counts live;       // objects that a client holds, by interface
  kj::Vector<double> waitTimeouts;  // of each waitTipChanged, in milliseconds
};

}  // namespace reference
