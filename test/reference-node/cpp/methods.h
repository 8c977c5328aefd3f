// Methods by name: "Chain.getHeight" is how commands and counts call the schema's method.
#pragma once

#include <capnp/schema.h>
#include <kj/string.h>

#include <string>

namespace reference {

using Method = capnp::InterfaceSchema::Method;

std::string nameOf(Method method);

// Throws when no interface that the node or its clients host has such a method.
Method findMethod(kj::StringPtr name);

}  // namespace reference
