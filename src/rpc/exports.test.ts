// The hot readers of exports, and how long they are kept.

import { expect, test } from "bun:test";
import type { Server } from "capnp-es";
import { silent } from "../../test/builders/box.ts";
import { ExportTable } from "./exports.ts";
import { HotReader } from "./hot-reader.ts";

const READER = new HotReader(1n, () => true);

test("the reader of an object that is never exported does not keep the object", async () => {
  const exports = new ExportTable();
  const count = 100;
  const objects = Array.from({ length: count }, () => withReader(exports));
  // A WeakRef holds its object until the end of the turn.
  await Bun.sleep(0);
  Bun.gc(true);
  // The collector may mistake a word on the stack for a pointer.
  expect(objects.filter((object) => object.deref() !== undefined).length).toBeLessThan(count / 10);
  expect(exports.size).toBe(0);
});

test("an object that was released keeps its reader when it is exported again", () => {
  const exports = new ExportTable();
  const server = silent();
  exports.setHotReader(server, READER);
  for (let time = 0; time < 2; time++) {
    const id = exports.send(server);
    expect(exports.hotReader(id)).toBe(READER);
    expect(exports.release(id, 1)).toBe(true);
    expect(exports.hotReader(id)).toBeUndefined();
  }
});

function withReader(exports: ExportTable): WeakRef<Server> {
  const server = silent();
  exports.setHotReader(server, READER);
  return new WeakRef(server);
}
