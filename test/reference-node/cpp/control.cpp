// Commands run side by side: one that waits for callbacks does not hold up the next.
#include "control.h"

#include <kj/debug.h>
#include <kj/time.h>

namespace reference {

namespace {

// From the JSON, not from the Command: one that does not decode gets its reply, too.
uint32_t idOf(capnp::JsonValue::Reader command) {
  if (command.isObject()) {
    for (auto field : command.getObject()) {
      if (field.getName() == "id" && field.getValue().isNumber()) return field.getValue().getNumber();
    }
  }
  return 0;
}

// The name of what faults are for; throws when nothing has it.
std::string checked(kj::StringPtr method) {
  auto prefix = JsonRpc::faultOf("");
  if (method.startsWith(prefix.c_str())) return method.cStr();
  return nameOf(findMethod(method));
}

}  // namespace

kj::Promise<void> Control::run(kj::AsyncInputStream& input) {
  return read(input).exclusiveJoin(kj::mv(leave.promise));
}

kj::Promise<void> Control::read(kj::AsyncInputStream& input) {
  auto chunk = kj::heapArray<char>(65536);
  auto reading = input.tryRead(chunk.begin(), 1, chunk.size());
  return reading.then([this, &input, chunk = kj::mv(chunk)](size_t size) -> kj::Promise<void> {
    if (size == 0) return kj::READY_NOW;
    for (char c : chunk.slice(0, size)) {
      if (c != '\n') {
        line.add(c);
        continue;
      }
      tasks.add(obey(line));
      line.clear();
    }
    return read(input);
  });
}

kj::Promise<void> Control::obey(kj::ArrayPtr<const char> line) {
  struct Exchange {
    capnp::MallocMessageBuilder raw, command, reply;
  };
  auto exchange = kj::heap<Exchange>();
  auto command = exchange->command.initRoot<control::Command>();
  auto reply = exchange->reply.initRoot<control::Reply>();
  auto answered = kj::evalNow([&] {
    auto raw = exchange->raw.initRoot<capnp::JsonValue>();
    json.codec.decodeRaw(line, raw);
    reply.setId(idOf(raw));
    json.codec.decode(raw, command);
    return execute(command, reply);
  });
  return answered.catch_([reply](kj::Exception&& e) mutable { reply.setError(e.getDescription()); })
      .then([this, command, reply]() mutable {
        simulation.output.reply(reply);
        if (command.isExit()) leave.fulfiller->fulfill();
      })
      .attach(kj::mv(exchange));
}

kj::Promise<void> Control::execute(control::Command::Reader command, control::Reply::Builder reply) {
  auto& faults = simulation.faults;
  switch (command.which()) {
    case control::Command::UNKNOWN:
      KJ_FAIL_REQUIRE("unknown command");
    case control::Command::ANSWER: {
      auto answer = command.getAnswer();
      simulation.answers.set(findMethod(answer.getMethod()), answer.getResults());
      break;
    }
    case control::Command::RPC: {
      auto rpc = command.getRpc();
      auto params = rpc.hasParams() ? json.codec.encodeRaw(rpc.getParams()) : kj::str();
      simulation.jsonRpc.set(rpc.getCommand().cStr(), params.cStr(),
                             {rpc.getError().cStr(), rpc.getResult().cStr()});
      break;
    }
    case control::Command::WARMUP:
      simulation.jsonRpc.warmup = command.getWarmup().getStatus().cStr();
      break;
    case control::Command::FIRE:
      return fire(command.getFire(), reply);
    case control::Command::FAIL: {
      auto fail = command.getFail();
      auto type = static_cast<kj::Exception::Type>(fail.getKind());
      faults.fail(checked(fail.getMethod()), type, fail.getReason());
      break;
    }
    case control::Command::DELAY: {
      auto delay = command.getDelay();
      faults.delay(checked(delay.getMethod()), delay.getMs() * kj::MILLISECONDS);
      break;
    }
    case control::Command::HANG:
      faults.hang(checked(command.getHang().getMethod()));
      break;
    case control::Command::REMOVE:
      faults.remove(nameOf(findMethod(command.getRemove().getMethod())));
      break;
    case control::Command::RELEASE:
      simulation.jsonRpc.setVersion(command.getRelease().getVersion());
      break;
    case control::Command::CLEAR:
      if (command.getClear().hasMethod()) {
        faults.clear(checked(command.getClear().getMethod()));
      } else {
        faults.clearAll();
      }
      break;
    case control::Command::DROP:
      server.drop();
      break;
    case control::Command::STATS:
      writeStats(reply.initStats());
      break;
    case control::Command::EXIT:
      break;  // once the reply is out
  }
  return kj::READY_NOW;
}

kj::Promise<void> Control::fire(control::Command::Fire::Reader fire, control::Reply::Builder reply) {
  if (fire.getDepth() == 0) KJ_FAIL_REQUIRE("depth is at least 1");
  auto method = findMethod(fire.getMethod());
  auto message = kj::heap<capnp::MallocMessageBuilder>();
  auto params = message->initRoot<capnp::DynamicStruct>(method.getParamType());
  if (fire.hasParams()) json.codec.decode(fire.getParams(), params);
  auto volley = kj::heap<Volley>(Volley{method, params.asReader(), fire.getCount(), fire.getDepth()});

  // One subscriber after another, as on the node's thread.
  auto& clock = kj::systemPreciseMonotonicClock();
  auto start = clock.now();
  kj::Promise<void> fired = kj::READY_NOW;
  auto interface = method.getContainingInterface().getShortDisplayName();
  bool subscribed = false;
  for (auto& subscription : simulation.subscriptions) {
    if (subscription->interface() != interface) continue;
    subscribed = true;
    fired = fired.then([&volley = *volley, subscription = kj::addRef(*subscription)]() mutable {
      return subscription->fire(volley);
    });
  }
  if (!subscribed) KJ_FAIL_REQUIRE("no client is subscribed", interface);

  return fired
      .then([reply, &volley = *volley, &clock, start]() mutable {
        auto fired = reply.initFired();
        fired.setWallMicroseconds((clock.now() - start) / kj::NANOSECONDS / 1e3);
        fired.setMicroseconds(volley.microseconds.asPtr());
        auto errors = fired.initErrors(volley.errors.size());
        for (uint i = 0; i < errors.size(); ++i) errors.set(i, volley.errors[i]);
      })
      .attach(kj::mv(volley), kj::mv(message));
}

void Control::writeStats(control::Stats::Builder stats) {
  stats.setConnections(simulation.connections);
  stats.setLiveConnections(simulation.liveConnections);
  stats.setUncleanLeaves(simulation.uncleanLeaves);
  stats.setInterruptedCalls(simulation.interruptedCalls);
  stats.setThreadViolations(simulation.threadViolations);
  stats.setSubscriptions(simulation.subscriptions.size());
  write(simulation.calls, stats.initCalls());
  write(simulation.callbacks, stats.initCallbacks());
  write(simulation.live, stats.initLive());
  stats.setWalletLoaderCalls(simulation.walletLoaderCalls);
  write(simulation.jsonRpc.calls, stats.initRpcCalls());
  stats.setWaitTimeouts(simulation.waitTimeouts.asPtr().asConst());
}

void Control::taskFailed(kj::Exception&& exception) { KJ_LOG(ERROR, exception); }

}  // namespace reference
