// The fault of capnp-es, and the workaround.

import "./capnp-es-faults.ts";
import { expect, test } from "bun:test";
import { Message, ObjectSize, Struct, utils } from "capnp-es";
import { frameOf } from "../../test/builders/frames.ts";

class Root extends Struct {
  static override readonly _capnp = { displayName: "Root", id: "0", size: new ObjectSize(0, 1) };
}

test("an error about a list that claims millions of elements does not include them", () => {
  // A far pointer leads to another far pointer where the pointer of the list should be.
  const elements = 300_000_000n;
  const words = [1n << 48n, 2n | (2n << 3n), 2n | (2n << 32n) | (elements << 35n)];
  const frame = frameOf(new Uint8Array(new BigUint64Array(words).buffer));
  const data = utils.getData(0, new Message(frame, false).getRoot(Root));
  expect(data).toHaveLength(Number(elements));
  expect(() => data.toUint8Array()).toThrow("Target of a far pointer (a list) is another far pointer");
});
