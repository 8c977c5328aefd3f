// What real nodes answered to JSON-RPC methods (test/fixtures/rpc), and collectors fed with it.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Collector } from "../../src/collectors/collector.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../../src/node/json.ts";
import type { RpcRequest } from "../../src/node/json-rpc.ts";
import type { SourceKind } from "../../src/session/questions.ts";
import { questionsOf, resultOf } from "./questions.ts";

const FOLDER = join(import.meta.dirname, "..", "fixtures", "rpc");

/** By method, as the files are: mostly by node, and estimatesmartfee by its parameters within it. */
const answers = new Map(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [basename(file, ".json"), parseJson(readFileSync(join(FOLDER, file), "utf8")) as JsonObject]),
);

/** The nodes that were asked; not each was asked everything. */
export const NODES = [
  "v32",
  "v31",
  "master",
  "pr/trace",
  "master, new",
  "master, pruned",
  "master, network off",
] as const;
export type RecordedNode = (typeof NODES)[number];

/** What `node` answered, or undefined when it was not asked. */
export function recorded({ method, params = [] }: RpcRequest, node: RecordedNode): JsonValue | undefined {
  const file = answers.get(method);
  const answer = method === "getblockheader" ? file?.[String(params[0])] : file?.[node];
  return method === "estimatesmartfee" && isObject(answer) ? answer[feeKey(params)] : answer;
}

/** The target, and the estimator where one is asked for. */
function feeKey([target, , options]: NonNullable<RpcRequest["params"]>): string {
  return Object.values({ target, ...(options as object) }).join(" ");
}

/** Shows what `node` answered, as one poll does. Questions that the node was not asked are left out. */
export function feed(collector: Pick<Collector, "polled">, node: RecordedNode, ...kinds: SourceKind[]): void {
  for (const question of questionsOf(collector, ...kinds).jsonRpc) {
    const { isWanted = () => true } = question.source;
    const answer = isWanted() ? recorded(question.source, node) : undefined;
    if (answer === undefined) continue;
    const result = resultOf(question.source, answer);
    question.show((source) => source.read(result));
  }
}
