// The bootstrap capability. Which ordinal makes what differs between layouts, and so does what there is to make.
#pragma once

#include "peer.h"

namespace reference {

// Init in the simulation's layout, for one client.
capnp::Capability::Client makeInit(Peer& peer);

}  // namespace reference
