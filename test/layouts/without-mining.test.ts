// --layout names a layout that has only Mining, but the node does not provide Mining.

import { beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { TEST_TIMEOUT_MS } from "../executable/sessions.ts";
import { buildReferenceNode, buildTimeoutMs } from "../reference-node/build.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { nodeUntil, shownLayouts, startExporter } from "./sessions.ts";

setDefaultTimeout(TEST_TIMEOUT_MS);
beforeAll(buildReferenceNode, buildTimeoutMs);

test.each(["v32", "pr/trace"] as const)(
  "a %s node with --layout v30: the log has an error, and the exporter retries",
  async (layout) => {
    await using node = await ReferenceNode.start({ layout });
    await using exporter = await startExporter(node, { args: ["--layout", "v30"] });
    const [line] = await exporter.logs(/^cannot reach the node at /);
    expect(line).toMatch(/: .*Old mining interface \(@2\) not supported.*; next attempt in \d/);
    await nodeUntil("two attempts", node, ({ connections }) => connections >= 2);
    const metrics = await exporter.metrics();
    expect(metrics.get("bitcoin_ipc_up")).toBe(0);
    expect(metrics.get("bitcoin_ipc_connects_total")).toBe(0);
    expect(shownLayouts(metrics)).toEqual([]);
    exporter.signal("SIGTERM");
    expect(await exporter.ended()).toMatchObject({ exitCode: 0 });
    expect(await node.stats()).toMatchObject({ threadViolations: 0, uncleanLeaves: 0 });
  },
);
