// The lines that the reference node writes: replies and events.
#pragma once

#include "control.capnp.h"
#include "json.h"

#include <kj/io.h>

#include <unistd.h>

namespace reference {

class Output {
public:
  explicit Output(const Json& json) : json(json) {}

  void reply(control::Reply::Reader reply);
  void event(kj::StringPtr event, uint connection, kj::StringPtr interface = nullptr, kj::StringPtr how = nullptr);

private:
  void line(kj::StringPtr json);

  const Json& json;
  kj::FdOutputStream stream{STDOUT_FILENO};
};

}  // namespace reference
