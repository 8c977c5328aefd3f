// What the nodes of Bitcoin Core's versions and branches differ in, as far as their clients can see.
#pragma once

#include <kj/string.h>

namespace reference {

struct Layout {
  const char* name;
  // What Mining.waitTipChanged's timeout is stored against: since it has a default, the largest double.
  bool timeoutHasDefault;
  // The error of a call whose context names no thread.
  const char* noThread;
  // By ordinal on the wire: the method of layouts::Init; null after the last one.
  const char* init[9];
};

// Throws when the layout is unknown.
const Layout& findLayout(kj::StringPtr name);

}  // namespace reference
