// The interfaces that names are looked up in.
#include "methods.h"

#include "chain.capnp.h"
#include "layouts.capnp.h"

#include <kj/debug.h>

namespace reference {

using capnp::Schema;

std::string nameOf(Method method) {
  auto interface = method.getContainingInterface().getShortDisplayName();
  return kj::str(interface, ".", method.getProto().getName()).cStr();
}

Method findMethod(kj::StringPtr name) {
  static const capnp::InterfaceSchema interfaces[] = {
      Schema::from<layouts::Init>(), Schema::from<::ThreadMap>(), Schema::from<::Thread>(),
      Schema::from<::Echo>(), Schema::from<::Mining>(),    Schema::from<::Chain>(),
      Schema::from<::Node>(), Schema::from<::Tracing>(),   Schema::from<::Handler>(),
      Schema::from<::Rpc>(),
      Schema::from<::ChainNotifications>(), Schema::from<::UtxoCacheTrace>(),
  };
  for (auto interface : interfaces) {
    for (auto method : interface.getMethods()) {
      if (name == nameOf(method).c_str()) return method;
    }
  }
  KJ_FAIL_REQUIRE("unknown method", name);
}

}  // namespace reference
