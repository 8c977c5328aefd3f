// The first answers: those of a regtest node at height 120 with an empty mempool and no peers.
#include "answers.h"

namespace reference {

namespace {

struct FirstAnswer {
  const char* method;
  const char* results;
};

constexpr FirstAnswer firstAnswers[] = {
    {"Echo.destroy", "{}"},
    {"Mining.isTestChain", R"({"result":true})"},
    {"Mining.isInitialBlockDownload", R"({"result":false})"},
    {"Mining.getTip", R"({"result":{"hash":32,"height":120},"hasResult":true})"},
    {"Chain.destroy", "{}"},
    {"Chain.getHeight", R"({"result":120,"hasResult":true})"},
    {"Chain.isInitialBlockDownload", R"({"result":false})"},
    {"Chain.shutdownRequested", R"({"result":false})"},
    {"Node.destroy", "{}"},
    {"Node.shutdownRequested", R"({"result":false})"},
    {"Node.getWarnings", "{}"},
    {"Node.getNodeCount", R"({"result":0})"},
    {"Node.getTotalBytesRecv", R"({"result":0})"},
    {"Node.getTotalBytesSent", R"({"result":0})"},
    {"Node.getMempoolSize", R"({"result":0})"},
    {"Node.getMempoolDynamicUsage", R"({"result":0})"},
    {"Node.getMempoolMaxUsage", R"({"result":300000000})"},
    {"Node.getHeaderTip", R"({"height":120,"blockTime":1795343588,"result":true})"},
    {"Node.getNumBlocks", R"({"result":120})"},
    {"Node.getBestBlockHash", R"({"result":32})"},
    {"Node.getLastBlockTime", R"({"result":1795343588})"},
    {"Node.getVerificationProgress", R"({"result":1})"},
    {"Node.isInitialBlockDownload", R"({"result":false})"},
    {"Node.isLoadingBlocks", R"({"result":false})"},
    {"Node.getNetworkActive", R"({"result":true})"},
};

}  // namespace

Answers::Answers(const Json& json) : json(json) {
  for (auto& first : firstAnswers) {
    capnp::MallocMessageBuilder message;
    auto results = message.initRoot<capnp::JsonValue>();
    json.codec.decodeRaw(kj::StringPtr(first.results), results);
    set(findMethod(first.method), results);
  }
}

void Answers::set(Method method, capnp::JsonValue::Reader json) {
  auto message = kj::heap<capnp::MallocMessageBuilder>();
  this->json.codec.decode(json, message->initRoot<capnp::DynamicStruct>(method.getResultType()));
  results[nameOf(method)] = kj::mv(message);

  auto previous = kj::mv(change.fulfiller);
  change = kj::newPromiseAndFulfiller<void>();
  changed = change.promise.fork();
  previous->fulfill();
}

kj::Maybe<capnp::DynamicStruct::Reader> Answers::find(Method method) {
  auto found = results.find(nameOf(method));
  if (found == results.end()) return nullptr;
  return found->second->getRoot<capnp::DynamicStruct>(method.getResultType()).asReader();
}

kj::Promise<void> Answers::onChange() { return changed.addBranch(); }

}  // namespace reference
