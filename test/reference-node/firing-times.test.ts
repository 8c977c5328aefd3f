// The times that the reference node reports of the callbacks that it fires, by a client that answers them.

import { expect, test } from "bun:test";
import { compileFirst, session } from "../executable/sessions.ts";
import { ReferenceNode } from "./reference-node.ts";

compileFirst();

const COUNT = 500;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

test("calls one at a time fill the wall time, calls in flight together share it", async () => {
  await using node = await ReferenceNode.start({ prefix: ["nice", "-n", "1"] });
  await using _ = await session(node);
  const fire = async (depth: number) => {
    const start = performance.now();
    const fired = await node.fire("ChainNotifications.updatedBlockTip", {}, { count: COUNT, depth });
    expect(fired.wallMicroseconds).toBeLessThan((performance.now() - start) * 1000);
    expect(fired.microseconds).toHaveLength(COUNT);
    return fired;
  };
  const alone = await fire(1);
  expect(alone.wallMicroseconds).toBeGreaterThan(sum(alone.microseconds));
  const together = await fire(16);
  expect(together.wallMicroseconds).toBeLessThan(sum(together.microseconds));
});
