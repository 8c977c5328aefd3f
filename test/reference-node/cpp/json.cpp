// The Data handler and the codec's settings.
#include "json.h"

#include "control.capnp.h"

#include <kj/encoding.h>

namespace reference {

namespace {

constexpr double mostBytes = 100e6;

}  // namespace

void DataHandler::encode(const capnp::JsonCodec&, capnp::Data::Reader input, capnp::JsonValue::Builder output) const {
  output.setString(kj::encodeHex(input));
}

capnp::Orphan<capnp::Data> DataHandler::decode(const capnp::JsonCodec&, capnp::JsonValue::Reader input,
                                               capnp::Orphanage orphanage) const {
  if (input.isNumber()) {
    double size = input.getNumber();
    if (!(size >= 0 && size <= mostBytes)) KJ_FAIL_REQUIRE("a count of bytes is 0 to 100 million", size);
    return orphanage.newOrphan<capnp::Data>(static_cast<uint>(size));
  }
  if (!input.isString()) KJ_FAIL_REQUIRE("bytes are hex text or a count of zero bytes");
  auto bytes = kj::decodeHex(input.getString());
  if (bytes.hadErrors) KJ_FAIL_REQUIRE("not hex");
  return orphanage.newOrphanCopy(capnp::Data::Reader(bytes));
}

Json::Json() {
  codec.setRejectUnknownFields(true);
  codec.handleByAnnotation<control::Command>();
  codec.handleByAnnotation<control::Reply>();
  codec.addTypeHandler(dataHandler);
}

void write(const Counts& counts, capnp::JsonValue::Builder output) {
  auto fields = output.initObject(counts.size());
  uint i = 0;
  for (auto& [name, count] : counts) {
    fields[i].setName(name);
    fields[i].initValue().setNumber(count);
    ++i;
  }
}

}  // namespace reference
