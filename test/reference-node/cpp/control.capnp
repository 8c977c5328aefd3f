# The reference node's stdin (commands) and stdout (replies, events), one JSON object a line.

@0x83e5c8b47d8ddd0c;

$import "/capnp/c++.capnp".namespace("reference::control");

using Json = import "/capnp/compat/json.capnp";

struct Command $Json.discriminator(name = "cmd") {
  id @0 :UInt32;
  # The reply bears the same.

  union {
    unknown @1 :Void;
    # No cmd, or none of these.

    answer :group $Json.flatten() {
      # From now on a method answers with these results.
      method @2 :Text;
      results @3 :Json.Value;
    }
    rpc :group $Json.flatten() {
      # From now on a JSON-RPC method answers with this result or this error, both JSON texts.
      command @4 :Text;
      result @5 :Text;
      error @20 :Text;
      params @21 :Json.Value;
      # Only when it is called with these.
    }
    warmup :group $Json.flatten() {
      # From now on every JSON-RPC method answers that the node is doing this to start; with no text, it has started.
      status @22 :Text;
    }
    fire :group $Json.flatten() {
      # Call a callback of all subscribers, `count` times with up to `depth` calls in flight.
      method @6 :Text;
      params @7 :Json.Value;
      count @8 :UInt32 = 1;
      depth @9 :UInt32 = 1;
    }
    fail :group $Json.flatten() {
      # From now on a method throws.
      method @10 :Text;
      kind @11 :Kind;
      reason @12 :Text;
    }
    delay :group $Json.flatten() {
      # From now on a method takes this much longer.
      method @13 :Text;
      ms @14 :UInt32;
    }
    hang :group $Json.flatten() {
      # From now on a method does not return, until it is cleared.
      method @15 :Text;
    }
    clear :group $Json.flatten() {
      # Undo fail, delay, hang and remove of a method, or of all methods.
      method @16 :Text;
    }
    remove :group $Json.flatten() {
      # From now on the interface does not have a method, as the runtime answers an unknown ordinal.
      method @23 :Text;
    }
    release :group $Json.flatten() {
      # From now on getnetworkinfo reports this version.
      version @24 :UInt32;
    }
    drop @17 :Void;
    # Close every connection without a word.

    stats @18 :Void;
    exit @19 :Void;
  }
}

enum Kind {
  # rpc.capnp's Exception.Type, in its order.
  failed @0;
  overloaded @1;
  disconnected @2;
  unimplemented @3;
}

struct Reply {
  id @0 :UInt32;
  error @1 :Text;
  # Absent when the command was obeyed.

  fired @2 :Fired;
  stats @3 :Stats;
}

struct Fired {
  errors @0 :List(Text);
  # What the subscribers threw instead of returning.

  microseconds @1 :List(UInt32);
  # One for each call that was answered: from sending it to having its Return.

  wallMicroseconds @2 :Float64;
  # From the first call to the last Return, the subscribers one after the other.
}

struct Stats {
  connections @0 :UInt32;
  liveConnections @1 :UInt32;
  uncleanLeaves @2 :UInt32;
  threadViolations @3 :UInt32;
  subscriptions @4 :UInt32;
  calls @5 :Json.Value;
  # Method name → calls received.

  callbacks @6 :Json.Value;
  # Method name → calls sent and answered by a Return with results.

  live @7 :Json.Value;
  # Interface name → objects that a client still holds.

  interruptedCalls @8 :UInt32;
  # Calls that had not returned when their connection ended.

  walletLoaderCalls @9 :UInt32;
  # Calls of makeWalletLoader, at whatever ordinal the layout has it.

  rpcCalls @10 :Json.Value;
  # JSON-RPC method → requests received.

  waitTimeouts @11 :List(Float64);
  # Of each waitTipChanged, in milliseconds, as a node of the layout reads it.
}

struct Event {
  event @0 :Text;
  # listening, connected, subscribed, unsubscribed or disconnected.

  connection @1 :UInt32;
  # Counted from 1.

  interface @2 :Text;
  # subscribed, unsubscribed: of the callback.

  how @3 :Text;
  # disconnected: clean, unclean (while subscribed: the real node crashes) or dropped (by us).
}
