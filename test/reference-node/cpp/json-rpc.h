// The node's JSON-RPC methods: what they answer, by scripted results, and what a request in JSON gets for a reply.
#pragma once

#include "faults.h"
#include "json.h"

#include <string>

namespace reference {

// Of the two JSON texts, the one that applies is not empty.
struct Outcome {
  std::string error;
  std::string result;
};

class JsonRpc {
public:
  JsonRpc(const Json& json, Faults& faults);

  // From now on a method answers with this, or with this only when called with these parameters, a JSON text.
  void set(const std::string& method, const std::string& params, Outcome outcome);

  // From now on getnetworkinfo reports this version, and 30.99.0 as 309900.
  void setVersion(uint version);

  // The methods suffer faults by this name.
  static std::string faultOf(const std::string& method) { return "rpc:" + method; }

  // `params` is a JSON text in the codec's spelling.
  kj::Promise<Outcome> call(std::string method, std::string params);

  // The reply to a request or to an array of requests. Its parts are taken one after the other.
  kj::Promise<kj::String> execute(kj::StringPtr request);

  // While this is not empty, the node is starting, and every method reports that.
  std::string warmup;

  Counts calls;  // requests received, by method

private:
  kj::Promise<kj::String> executeOne(capnp::JsonValue::Reader request);
  std::string errorOf(int code, kj::StringPtr message) const;

  const Json& json;
  Faults& faults;
  std::map<std::string, Outcome> outcomes;  // by method, and by method and parameters
};

}  // namespace reference
