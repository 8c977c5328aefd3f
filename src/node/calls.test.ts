// The exporter can call what is in the table and nothing else, whatever its other code tries.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Method } from "capnp-es";
import fc from "fast-check";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../../test/exporter-command.ts";
import { buildReferenceNode, buildTimeoutMs } from "../../test/reference-node/build.ts";
import { session } from "../../test/reference-node/client.ts";
import { ReferenceNode } from "../../test/reference-node/reference-node.ts";
import { CallTimeouts } from "./call-timeouts.ts";
import { CALLS, isAllowed, isAllowedRpc, type MakeOrdinal, makeMethod, RPC_METHODS, type RpcMethod } from "./calls.ts";
import { batchRpc, singleRpc } from "./json-rpc.ts";
import { LAYOUTS } from "./layouts.ts";
import type { ContextParams } from "./server-threads.ts";

const SRC = join(import.meta.dirname, "..");

/**
 * Every method that may be called, once more, so that a change of the table is a change here too. Init's other ordinals are those
 * that return an interface in some layout; layouts.ts has which of them are called.
 */
const EXPECTED = [
  "Chain.getHeight",
  "Chain.handleNotifications",
  "Chain.isInitialBlockDownload",
  "Chain.shutdownRequested",
  "Handler.disconnect",
  "Init.construct",
  "Init.makeEcho",
  "Init@2",
  "Init@3",
  "Init@4",
  "Init@5",
  "Init@6",
  "Init@7",
  "Mining.getTip",
  "Mining.isInitialBlockDownload",
  "Mining.isTestChain",
  "Mining.waitTipChanged",
  "Node.executeRpc",
  "Node.getHeaderTip",
  "Node.getMempoolDynamicUsage",
  "Node.getMempoolMaxUsage",
  "Node.getMempoolSize",
  "Node.getNodeCount",
  "Node.getTotalBytesRecv",
  "Node.getTotalBytesSent",
  "Node.getVerificationProgress",
  "Node.shutdownRequested",
  "Rpc.executeRpc",
  "ThreadMap.makeThread",
  "Tracing.traceUtxoCache",
];

/** JSON-RPC methods that change the node, its wallet or its peers, although some are named as if they read. */
const NOT_READING = [
  "stop",
  "sendrawtransaction",
  "getnewaddress",
  "getblockfrompeer",
  "getblocktemplate",
  "generateblock",
];

type AnyMethod = Method<ContextParams, ContextParams>;

/** Every method that src/schema has a client for. */
const generated = await generatedMethods();

async function generatedMethods(): Promise<readonly AnyMethod[]> {
  const methods: AnyMethod[] = [];
  for (const file of new Bun.Glob("**/*.ts").scanSync({ cwd: join(SRC, "schema"), absolute: true })) {
    const module = (await import(file)) as Record<string, { methods?: readonly AnyMethod[] }>;
    for (const [name, { methods: own = [] }] of Object.entries(module)) {
      if (name.endsWith("$Client")) methods.push(...own);
    }
  }
  return methods;
}

/** As the list above has it. Ordinals of Init beyond the first mean other things in other layouts. */
function nameOf({ interfaceName, methodName, methodId }: AnyMethod): string {
  const interfaceOnly = interfaceName!.split(":").pop()!;
  return interfaceOnly === "Init" && methodId > 1 ? `Init@${methodId}` : `${interfaceOnly}.${methodName}`;
}

describe("the table", () => {
  test("has the reviewed methods, and no others", () => {
    const all = generated.map(nameOf);
    expect(all.length).toBeGreaterThan(150);
    expect(generated.filter(isAllowed).map(nameOf).sort()).toEqual(EXPECTED);
    for (const method of RPC_METHODS) expect(method).toMatch(/^((get|list|estimate)[a-z]+|uptime)$/);
    for (const method of NOT_READING) expect(isAllowedRpc(method)).toBe(false);
  });

  test("names the methods as the schema does", () => {
    for (const [interfaceName, methods] of Object.entries(CALLS)) {
      for (const [name, method] of Object.entries(methods)) {
        expect(method.methodName).toBe(name);
        expect(method.interfaceName.toLowerCase()).toEndWith(`:${interfaceName.toLowerCase()}`);
      }
    }
  });

  test("has every ordinal of Init that a layout needs", () => {
    for (const ordinals of Object.values(LAYOUTS)) {
      for (const ordinal of Object.values<MakeOrdinal>(ordinals)) expect(isAllowed(makeMethod(ordinal))).toBe(true);
    }
  });

  test("matches no other interface with the same ordinals", () => {
    for (const method of generated) {
      expect(isAllowed({ ...method, interfaceId: method.interfaceId + 1n })).toBe(false);
      expect(isAllowed({ ...method, methodId: method.methodId + 1000 })).toBe(false);
    }
  });

  test("has no other JSON-RPC method, whatever its name", () => {
    for (const name of ["", "stop", "constructor", "toString", "UPTIME", "uptime ", "getblockhash\0", "help"]) {
      expect(isAllowedRpc(name)).toBe(false);
    }
    fc.assert(
      fc.property(fc.constantFrom(...RPC_METHODS), fc.string({ minLength: 1 }), (method, more) => {
        return !isAllowedRpc(method + more) && !isAllowedRpc(more + method);
      }),
    );
  });
});

describe("a node is not sent", () => {
  let node: ReferenceNode;
  beforeAll(async () => {
    await buildReferenceNode();
    node = await ReferenceNode.start({ layout: "pr-29409" });
  }, buildTimeoutMs);
  afterAll(() => node.stop());

  test("any method that is not in the table", async () => {
    using client = await session(node);
    const { calls } = await node.stats();
    const refused = generated.filter((method) => !isAllowed(method));
    expect(refused.length).toBeGreaterThan(120);
    for (const method of refused) {
      for (const capability of [client.init, client.chain!, client.node!, client.rpc!]) {
        const call = client.threads.call(capability, method);
        await expect(call).rejects.toMatchObject({
          name: "RpcError",
          kind: "failed",
          message: expect.stringMatching(/may call$/),
        });
      }
    }
    expect((await node.stats()).calls).toEqual(calls);
  });

  test("any JSON-RPC method that is not in the table, nor what comes with one", async () => {
    using client = await session(node);
    const { calls, rpcCalls } = await node.stats();
    const timeouts = new CallTimeouts(5000);
    for (const rpc of [
      batchRpc(client.threads, client.rpc!, timeouts),
      singleRpc(client.threads, client.node!, timeouts),
    ]) {
      for (const name of ["stop", "dumptxoutset", "sendrawtransaction", "Uptime", ""]) {
        const requests = [{ method: name as RpcMethod }, { method: "uptime" }] as const;
        await expect(rpc.callAll(requests)).rejects.toThrow(/may call$/);
      }
    }
    const after = await node.stats();
    expect({ calls: after.calls, rpcCalls: after.rpcCalls }).toEqual({ calls, rpcCalls });
  });
});

describe("in the source", () => {
  const files = [...new Bun.Glob("**/*.ts").scanSync({ cwd: SRC })]
    .filter((file) => !file.endsWith(".test.ts") && !/^(schema|demo)\//.test(file))
    .sort();
  const texts = new Map(files.map((file) => [file, Bun.file(join(SRC, file)).text()]));

  /** Files that have a line like this, with each such line. */
  async function linesWith(pattern: RegExp): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const [file, text] of texts) {
      const lines = (await text).split("\n").map((line) => line.trim());
      const matching = lines.filter((line) => pattern.test(line) && !line.startsWith("//") && !line.startsWith("*"));
      if (matching.length > 0) found[file] = matching;
    }
    return found;
  }

  test("only the table names methods of the schema", async () => {
    expect(Object.keys(await linesWith(/\$Method\b|\$Client\s*(\.|\[\s*["'`])\s*methods/))).toEqual(["node/calls.ts"]);
  });

  test("only the RPC layer and the table make methods of their own", async () => {
    const files = Object.keys(await linesWith(/\bmethodId\s*:/)).filter((file) => !file.startsWith("rpc/"));
    expect(files).toEqual(["node/calls.ts"]);
  });

  test("generated clients, which could call anything, are made only to be passed on", async () => {
    expect(await linesWith(/new \w+\$Client\b/)).toEqual({
      "node/server-threads.ts": ["params._initContext().thread = new Thread$Client(thread);"],
    });
  });

  test("only ServerThreads calls a capability without the check, apart from the listed lines", async () => {
    const asking = await linesWith(/\.ask\(/);
    for (const file of Object.keys(asking)) if (file.startsWith("rpc/")) delete asking[file];
    expect(asking).toEqual({
      "node/handshake.ts": ["const threadMap = await init.ask(CALLS.init.construct, undefined, { read }).results;"],
      "node/server-threads.ts": [
        "const question = capability.ask(",
        "const thread = await this.#threadMap.ask(CALLS.threadMap.makeThread, fill, options).results;",
      ],
    });
  });
});

describe("in the executable", () => {
  let text: string;
  beforeAll(async () => {
    const [executable] = await compiledExporter();
    text = Buffer.from(await Bun.file(executable!).bytes()).toString("latin1");
  }, COMPILE_DEADLINE_MS);

  test("an interface of the node has the methods of the table, and no others", () => {
    const there = Array.from(
      text.matchAll(/interfaceName:"[^"]*:(\w+)",methodName:"(\w+)"/g),
      ([, of, name]) => `${of}.${name}`,
    );
    // Of Init, any method that makes an interface stands for all. The node calls the others, or releases them.
    const others = /^(Chain|Node|Mining|Rpc|Tracing)\./;
    expect(there.filter((name) => others.test(name)).sort()).toEqual(EXPECTED.filter((name) => others.test(name)));
    expect(there.filter((name) => name.startsWith("Init."))).toEqual(["Init.construct", "Init.makeTracing"]);
  });
});
