// Writing blocks: a line is out before the node does anything else.
#include "output.h"

#include <capnp/message.h>

namespace reference {

void Output::reply(control::Reply::Reader reply) { line(json.codec.encode(reply)); }

void Output::event(kj::StringPtr event, uint connection, kj::StringPtr interface, kj::StringPtr how) {
  capnp::MallocMessageBuilder message;
  auto builder = message.initRoot<control::Event>();
  builder.setEvent(event);
  builder.setConnection(connection);
  if (interface.size() > 0) builder.setInterface(interface);
  if (how.size() > 0) builder.setHow(how);
  line(json.codec.encode(builder.asReader()));
}

void Output::line(kj::StringPtr json) {
  auto text = kj::str(json, "\n");
  stream.write(text.begin(), text.size());
}

}  // namespace reference
