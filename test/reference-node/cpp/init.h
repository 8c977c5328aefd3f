// The bootstrap capability. Which ordinal makes what is all that the layouts of Bitcoin Core's versions differ in.
#pragma once

#include "peer.h"

namespace reference {

using MakeInit = capnp::Capability::Client (*)(Peer& peer);

// Throws when the layout is unknown.
MakeInit findLayout(kj::StringPtr name);

}  // namespace reference
