// The objects that the simulated node exports to a client: Init, which is the bootstrap, and those that Init makes.

import type { Client } from "capnp-es";
import { ImportedCapability } from "../../src/rpc/capability.ts";
import { RpcError } from "../../src/rpc/errors.ts";
import { Chain$Client, Chain$Server } from "../../src/schema/chain.ts";
import { Handler$Client, Handler$Server, type Handler$Server$Target } from "../../src/schema/handler.ts";
import { Init$Client, Init$Server } from "../../src/schema/init.ts";
import { Mining$Client, Mining$Server } from "../../src/schema/mining.ts";
import { Thread$Server, ThreadMap$Server } from "../../src/schema/mp/proxy.ts";
import { Node$Client, Node$Server } from "../../src/schema/node.ts";
import { Tracing$Client, Tracing$Server } from "../../src/schema/tracing.ts";
import { type Callback, chainNotifications, utxoCacheTrace } from "./callbacks.ts";
import { implement } from "./implement.ts";
import { answerRpc } from "./json-rpc.ts";
import type { Peer } from "./peers.ts";
import { RpcFailure } from "./rpc-failure.ts";
import { MEMPOOL_MAX_BYTES, type NodeState } from "./state.ts";
import type { Subscription } from "./subscription.ts";
import type { Tally } from "./tally.ts";

/** Shared by the objects of one client. */
export interface Host {
  readonly state: NodeState;
  readonly tally: Tally;
  /** Made for the client. */
  readonly threads: Set<Client>;
  /** Notifies the client's object of events from now on. */
  subscribe(object: ImportedCapability, callback: Callback): Subscription;
}

/** Flags of Bitcoin Core's ConnectionDirection. */
const INBOUND = 1;
const OUTBOUND = 2;

/** The thread of a node that makes the callbacks. */
const scheduler = thread("b-scheduler");

export function initObject(host: Host): Init$Server {
  return new Init$Server(
    implement(Init$Client.methods, host.threads, {
      construct(_, results) {
        results.threadMap = threadMapObject(host).client();
      },
      makeMiningOld2() {
        throw new RpcError("failed", "Old mining interface (@2) not supported. Please update your client!");
      },
      makeMining(_, results) {
        results.result = miningObject(host).client();
      },
      makeChain(_, results) {
        results.result = chainObject(host).client();
      },
      makeNode(_, results) {
        results.result = nodeObject(host).client();
      },
      makeTracing(_, results) {
        results.result = tracingObject(host).client();
      },
    }),
  );
}

function threadMapObject({ threads }: Host): ThreadMap$Server {
  return new ThreadMap$Server({
    async makeThread({ name }, results) {
      const made = thread(name);
      threads.add(made);
      results.result = made.client();
    },
  });
}

function thread(name: string): Thread$Server {
  return new Thread$Server({
    async getName(_, results) {
      results.result = name;
    },
  });
}

function chainObject(host: Host): Chain$Server {
  const { state, threads } = host;
  return new Chain$Server(
    implement(
      Chain$Client.methods,
      threads,
      {
        destroy() {},
        getHeight(_, results) {
          results.result = state.chain.tip.height;
          results.hasResult = true;
        },
        isInitialBlockDownload(_, results) {
          results.result = state.isInitialBlockDownload;
        },
        shutdownRequested(_, results) {
          results.result = false;
        },
        handleNotifications({ notifications }, results) {
          const object = callable(notifications.client);
          results.result = subscribe(host, object, chainNotifications(object, scheduler));
          host.tally.sessions++;
        },
      },
      needsChain(state),
    ),
  );
}

function nodeObject({ state, threads }: Host): Node$Server {
  return new Node$Server(
    implement(
      Node$Client.methods,
      threads,
      {
        destroy() {},
        getNodeCount({ flags }, results) {
          const isAsked = ({ isInbound }: Peer) => (flags & (isInbound ? INBOUND : OUTBOUND)) !== 0;
          results.result = BigInt(state.peers.connected.filter(isAsked).length);
        },
        getTotalBytesRecv(_, results) {
          results.result = BigInt(state.peers.receivedBytes);
        },
        getTotalBytesSent(_, results) {
          results.result = BigInt(state.peers.sentBytes);
        },
        getMempoolSize(_, results) {
          results.result = BigInt(state.chain.mempool.length);
        },
        getMempoolDynamicUsage(_, results) {
          results.result = BigInt(state.mempoolUsageBytes);
        },
        getMempoolMaxUsage(_, results) {
          results.result = BigInt(MEMPOOL_MAX_BYTES);
        },
        getHeaderTip(_, results) {
          results.height = state.headerHeight;
          results.blockTime = BigInt(state.chain.tip.time);
          results.result = true;
        },
        getVerificationProgress(_, results) {
          results.result = state.verificationProgress;
        },
        isInitialBlockDownload(_, results) {
          results.result = state.isInitialBlockDownload;
        },
        shutdownRequested(_, results) {
          results.result = false;
        },
        executeRpc({ command, params }, results) {
          try {
            results.result = JSON.stringify(answerRpc(state, command, params === "" ? [] : JSON.parse(params)));
          } catch (error) {
            if (!(error instanceof RpcFailure)) throw error;
            results.rpcError = JSON.stringify({ code: error.code, message: error.message });
          }
        },
      },
      needsChain(state),
    ),
  );
}

/** Methods of Chain and Node that a node answers before the chain is loaded. */
const NEEDS_NO_CHAIN = ["destroy", "executeRpc", "shutdownRequested"];

/** Throws for methods that need the chain while it is not loaded. Such a call crashes a real node. */
function needsChain(state: NodeState): (method: string) => void {
  return (method) => {
    if (state.startStep === undefined || NEEDS_NO_CHAIN.includes(method)) return;
    state.fatalCalls++;
    throw new RpcError("failed", `${method} while the node starts: a real node would crash`);
  };
}

function miningObject({ state, threads }: Host): Mining$Server {
  return new Mining$Server(
    implement(Mining$Client.methods, threads, {
      isTestChain(_, results) {
        results.result = true;
      },
      isInitialBlockDownload(_, results) {
        results.result = state.isInitialBlockDownload;
      },
      getTip(_, results) {
        const { hash, height } = state.chain.tip;
        const tip = results._initResult();
        tip._initHash(hash.length).copyBuffer(hash);
        tip.height = height;
        results.hasResult = true;
      },
    }),
  );
}

function tracingObject(host: Host): Tracing$Server {
  return new Tracing$Server(
    implement(Tracing$Client.methods, host.threads, {
      traceUtxoCache({ callback }, results) {
        const object = callable(callback.client);
        results.result = subscribe(host, object, utxoCacheTrace(object, scheduler));
      },
    }),
  );
}

/** Returns the handler that ends the subscription. */
function subscribe(host: Host, object: ImportedCapability, callback: Callback): Handler$Client {
  const subscription = host.subscribe(object, callback);
  const target = implement<Handler$Server$Target>(Handler$Client.methods, host.threads, {
    destroy: () => subscription.end(),
    disconnect: () => subscription.end(),
  });
  return new Handler$Server(target).client();
}

/** The client's object in the parameters of its call. */
function callable(client: Client): ImportedCapability {
  if (client instanceof ImportedCapability) return client;
  throw new RpcError("failed", "the object to subscribe is not the client's");
}
