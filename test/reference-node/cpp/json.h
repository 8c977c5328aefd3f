// JSON as the control channel and scripted answers use it: Cap'n Proto's own codec, strict about unknown fields.
// A Data field is hex text, or a number: that many zero bytes, so that a big block needs no big command.
#pragma once

#include <capnp/compat/json.h>

#include <map>
#include <string>

namespace reference {

class DataHandler final : public capnp::JsonCodec::Handler<capnp::Data> {
public:
  void encode(const capnp::JsonCodec&, capnp::Data::Reader input, capnp::JsonValue::Builder output) const override;
  capnp::Orphan<capnp::Data> decode(const capnp::JsonCodec&, capnp::JsonValue::Reader input,
                                    capnp::Orphanage orphanage) const override;
};

class Json {
public:
  Json();
  capnp::JsonCodec codec;

private:
  DataHandler dataHandler;
};

using Counts = std::map<std::string, int>;
void write(const Counts& counts, capnp::JsonValue::Builder output);

}  // namespace reference
