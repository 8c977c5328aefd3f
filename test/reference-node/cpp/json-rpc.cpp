// The first results, those of a regtest node at height 120 with an empty mempool and no peers, and the envelopes.
#include "json-rpc.h"

#include <capnp/message.h>
#include <kj/vector.h>

namespace reference {

namespace {

// JSON-RPC's and Bitcoin Core's error codes.
constexpr int methodNotFound = -32601;
constexpr int inWarmup = -28;
constexpr int outOfRange = -8;
constexpr int notFound = -5;
constexpr int miscError = -1;

// The real node's answer to a malformed request.
constexpr auto invalidRequest = R"({"result":null,"error":{"code":-32600,"message":"Missing method"}})";

struct FirstResult {
  const char* method;
  const char* params;
  const char* result;
};

#define TIP "0000000000000000000000000000000000000000000000000000000000000000"
#define BEFORE "7700000000000000000000000000000000000000000000000000000000000000"
#define TEST_BUILD "This is a pre-release test build - use at your own risk - do not use for mining or merchant applications"

constexpr FirstResult firstResults[] = {
    {"uptime", "", "12"},
    {"getblockchaininfo", "",
     R"({"chain":"regtest","blocks":120,"headers":120,"bestblockhash":")" TIP
     R"(","bits":"207fffff","difficulty":4.656542373906925e-10,"time":1795343588,"mediantime":1795343583,)"
     R"("verificationprogress":1,"initialblockdownload":false,"size_on_disk":36154,"pruned":false,)"
     R"("warnings":[")" TEST_BUILD R"("]})"},
    {"getmempoolinfo", "",
     R"({"loaded":true,"size":0,"bytes":0,"usage":0,"total_fee":0.00000000,"maxmempool":300000000,)"
     R"("mempoolminfee":0.00000100,"minrelaytxfee":0.00000100,"incrementalrelayfee":0.00000100,)"
     R"("unbroadcastcount":0,"fullrbf":true})"},
    {"getaddrmaninfo", "",
     R"({"ipv4":{"new":0,"tried":0,"total":0},"ipv6":{"new":0,"tried":0,"total":0},)"
     R"("onion":{"new":0,"tried":0,"total":0},"i2p":{"new":0,"tried":0,"total":0},)"
     R"("cjdns":{"new":0,"tried":0,"total":0},"all_networks":{"new":0,"tried":0,"total":0}})"},
    {"getprivatebroadcastinfo", "", R"({"transactions":[]})"},
    {"getrpcinfo", "",
     R"({"active_commands":[{"method":"getrpcinfo","duration":25}],"logpath":"/regtest/debug.log"})"},
    {"getnettotals", "", R"({"totalbytesrecv":0,"totalbytessent":0,"timemillis":1795343600000})"},
    {"getpeerinfo", "", "[]"},
    {"listbanned", "", "[]"},
    {"getindexinfo", "", "{}"},
    {"getchaintips", "", R"([{"height":120,"hash":")" TIP R"(","branchlen":0,"status":"active"}])"},
    {"getchaintxstats", "",
     R"({"time":1795343588,"txcount":121,"window_final_block_hash":")" TIP
     R"(","window_final_block_height":120,"window_block_count":119,"window_tx_count":119,"window_interval":119,)"
     R"("txrate":1})"},
    {"estimatesmartfee", "", R"({"errors":["Insufficient data or no feerate found"],"blocks":2})"},
    {"getblockstats", "",
     R"({"blockhash":")" TIP R"(","height":120,"ins":0,"outs":1,"subsidy":5000000000,"time":1795343588,)"
     R"("total_out":0,"total_size":0,"total_weight":0,"totalfee":0,"txs":1})"},
    {"getblockhash", "[120]", R"(")" TIP R"(")"},
    {"getblockheader", R"([")" TIP R"("])",
     R"({"hash":")" TIP R"(","confirmations":1,"height":120,"time":1795343588,"mediantime":1795343583,"nTx":1,)"
     R"("previousblockhash":")" BEFORE R"("})"},
    {"getblockheader", R"([")" BEFORE R"("])",
     R"({"hash":")" BEFORE R"(","confirmations":2,"height":119,"time":1795343587,"mediantime":1795343582,"nTx":1,)"
     R"("previousblockhash":"6600000000000000000000000000000000000000000000000000000000000000"})"},
};

// getnetworkinfo after its version and subversion.
constexpr auto networkInfo =
    R"("protocolversion":70016,"localrelay":true,"timeoffset":0,"networkactive":true,"connections":0,)"
    R"("connections_in":0,"connections_out":0,"relayfee":0.00000100,"incrementalfee":0.00000100,)"
    R"("warnings":[")" TEST_BUILD R"("]})";
constexpr uint firstVersion = 309900;

#undef TIP
#undef BEFORE
#undef TEST_BUILD

struct FirstError {
  const char* method;
  int code;
  const char* message;
};

// For parameters that are not those of the tip.
constexpr FirstError firstErrors[] = {
    {"getblockhash", outOfRange, "Block height out of range"},
    {"getblockheader", notFound, "Block not found"},
};

kj::Maybe<capnp::JsonValue::Reader> find(capnp::JsonValue::Reader object, kj::StringPtr name) {
  for (auto field : object.getObject()) {
    if (field.getName() == name) return field.getValue();
  }
  return nullptr;
}

kj::Maybe<kj::StringPtr> findText(capnp::JsonValue::Reader object, kj::StringPtr name) {
  KJ_IF_MAYBE(value, find(object, name)) {
    if (value->isString()) return kj::StringPtr(value->getString());
  }
  return nullptr;
}

}  // namespace

JsonRpc::JsonRpc(const Json& json, Faults& faults) : json(json), faults(faults) {
  for (auto& first : firstErrors) set(first.method, "", {errorOf(first.code, first.message), ""});
  for (auto& first : firstResults) set(first.method, first.params, {"", first.result});
  setVersion(firstVersion);
}

void JsonRpc::setVersion(uint version) {
  auto text = kj::str(version / 10000, ".", version / 100 % 100, ".", version % 100);
  auto info = kj::str(R"({"version":)", version, R"(,"subversion":"/Satoshi:)", text, R"(/",)", networkInfo);
  set("getnetworkinfo", "", {"", info.cStr()});
}

void JsonRpc::set(const std::string& method, const std::string& params, Outcome outcome) {
  outcomes[method + params] = kj::mv(outcome);
}

kj::Promise<Outcome> JsonRpc::call(std::string method, std::string params) {
  calls[method] += 1;
  if (!warmup.empty()) return Outcome{errorOf(inWarmup, warmup.c_str()), ""};
  return faults.suffer(faultOf(method))
      .then(
          [this, method, params]() {
            for (auto& key : {method + params, method}) {
              auto found = outcomes.find(key);
              if (found != outcomes.end()) return found->second;
            }
            return Outcome{errorOf(methodNotFound, "Method not found"), ""};
          },
          [this](kj::Exception&& e) { return Outcome{errorOf(miscError, e.getDescription()), ""}; });
}

kj::Promise<kj::String> JsonRpc::execute(kj::StringPtr text) {
  auto message = kj::heap<capnp::MallocMessageBuilder>();
  auto value = message->initRoot<capnp::JsonValue>();
  KJ_IF_MAYBE(broken, kj::runCatchingExceptions([&] { json.codec.decodeRaw(text, value); })) {
    (void)broken;
    return kj::str(invalidRequest);
  }
  if (!value.isArray()) return executeOne(value).attach(kj::mv(message));

  auto replies = kj::heap<kj::Vector<kj::String>>();
  kj::Promise<void> done = kj::READY_NOW;
  for (auto request : value.asReader().getArray()) {
    done = done.then([this, request, &replies = *replies] {
      return executeOne(request).then([&replies](kj::String reply) { replies.add(kj::mv(reply)); });
    });
  }
  return done.then([&replies = *replies] { return kj::str("[", kj::strArray(replies, ","), "]"); })
      .attach(kj::mv(replies), kj::mv(message));
}

kj::Promise<kj::String> JsonRpc::executeOne(capnp::JsonValue::Reader request) {
  if (!request.isObject()) return kj::str(invalidRequest);
  auto id = kj::str("null");
  KJ_IF_MAYBE(given, find(request, "id")) { id = json.codec.encodeRaw(*given); }
  auto params = kj::str("[]");
  KJ_IF_MAYBE(given, find(request, "params")) { params = json.codec.encodeRaw(*given); }
  bool isVersion2 = false;
  KJ_IF_MAYBE(version, findText(request, "jsonrpc")) { isVersion2 = *version == "2.0"; }
  KJ_IF_MAYBE(method, findText(request, "method")) {
    return call(method->cStr(), params.cStr()).then([id = kj::mv(id), isVersion2](Outcome outcome) {
      auto& [error, result] = outcome;
      if (!isVersion2) {
        return kj::str(R"({"result":)", result.empty() ? "null" : result.c_str(), R"(,"error":)",
                       error.empty() ? "null" : error.c_str(), R"(,"id":)", id, "}");
      }
      return error.empty() ? kj::str(R"({"jsonrpc":"2.0","result":)", result.c_str(), R"(,"id":)", id, "}")
                           : kj::str(R"({"jsonrpc":"2.0","error":)", error.c_str(), R"(,"id":)", id, "}");
    });
  }
  return kj::str(invalidRequest);
}

std::string JsonRpc::errorOf(int code, kj::StringPtr message) const {
  capnp::MallocMessageBuilder builder;
  auto text = builder.initRoot<capnp::JsonValue>();
  text.setString(message);
  return kj::str(R"({"code":)", code, R"(,"message":)", json.codec.encodeRaw(text), "}").cStr();
}

}  // namespace reference
