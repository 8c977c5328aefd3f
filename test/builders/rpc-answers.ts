// Answers of real nodes to JSON-RPC methods (test/fixtures/rpc), and collectors that show them.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Collector } from "../../src/collectors/collector.ts";
import { isObject, type JsonObject, type JsonValue } from "../../src/node/json.ts";
import type { RpcRequest } from "../../src/node/json-rpc.ts";
import type { SourceKind } from "../../src/session/polled-calls.ts";
import { parseJson } from "./json.ts";
import { callsOf, resultOf } from "./polled-calls.ts";

const FOLDER = join(import.meta.dirname, "..", "fixtures", "rpc");

/** By method, as the files are: mostly by node, and estimatesmartfee by its parameters within it. */
const answers = new Map(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [basename(file, ".json"), parseJson(readFileSync(join(FOLDER, file), "utf8")) as JsonObject]),
);

/** The recorded nodes; not each has an answer for every method. */
export const NODES = [
  "v32",
  "v31",
  "v30",
  "master",
  "pr/trace",
  "master, new",
  "master, pruned",
  "master, network off",
] as const;
export type RecordedNode = (typeof NODES)[number];

/** The recorded answer of `node`, or undefined without one. */
export function recorded({ method, params = [] }: RpcRequest, node: RecordedNode): JsonValue | undefined {
  const file = answers.get(method);
  const answer = method === "getblockheader" ? file?.[String(params[0])] : file?.[node];
  return method === "estimatesmartfee" && isObject(answer) ? answer[feeKey(params)] : answer;
}

/** The target, and the estimator if the request has one. */
function feeKey([target, , options]: NonNullable<RpcRequest["params"]>): string {
  return Object.values({ target, ...(options as object) }).join(" ");
}

/** Shows the answers of `node`, as one poll does. Calls without a recorded answer are left out. */
export function feed(collector: Pick<Collector, "polled">, node: RecordedNode, ...kinds: SourceKind[]): void {
  for (const call of callsOf(collector, ...kinds).jsonRpc) {
    const { isWanted = () => true } = call.source;
    const answer = isWanted() ? recorded(call.source, node) : undefined;
    if (answer === undefined) continue;
    const result = resultOf(call.source, answer);
    call.show((source) => source.read(result));
  }
}
