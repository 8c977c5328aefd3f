// What the node answers without code of its own: results by method. Commands change them while it runs.
#pragma once

#include "json.h"
#include "methods.h"

#include <capnp/dynamic.h>
#include <capnp/message.h>
#include <kj/async.h>

namespace reference {

class Answers {
public:
  explicit Answers(const Json& json);

  // Throws when the results do not fit the method's result type.
  void set(Method method, capnp::JsonValue::Reader results);

  kj::Maybe<capnp::DynamicStruct::Reader> find(Method method);

  // Resolves when an answer is set next.
  kj::Promise<void> onChange();

private:
  const Json& json;
  std::map<std::string, kj::Own<capnp::MallocMessageBuilder>> results;
  kj::PromiseFulfillerPair<void> change = kj::newPromiseAndFulfiller<void>();
  kj::ForkedPromise<void> changed = change.promise.fork();
};

}  // namespace reference
