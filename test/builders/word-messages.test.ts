// The layouts themselves, read by capnp-es. The tests of both paths depend on them.

import { expect, test } from "bun:test";
import { Message, ObjectSize, Struct, utils } from "capnp-es";
import { type Layout, PLAIN_LAYOUT, type StructNode, wordMessage } from "./word-messages.ts";

const tree: StructNode = {
  data: [1n, 2n],
  pointers: [
    { bytes: Buffer.from("hello\0") },
    { data: [3n], pointers: [] },
    null,
    { data: [], pointers: [{ capability: 5 }] },
  ],
};

class Root extends Struct {
  static override readonly _capnp = { displayName: "Root", id: "0", size: new ObjectSize(0, 0) };
}

function read(frame: Uint8Array): unknown[] {
  const root = new Message(frame, false).getRoot(Root);
  const inner = utils.getPointer(3, root) as Struct;
  return [
    utils.getUint64(0, root),
    utils.getUint64(8, root),
    utils.getText(0, root),
    utils.getUint64(0, utils.getPointer(1, root) as Struct),
    utils.isNull(utils.getPointer(2, root)),
    utils.getInterfacePointer(utils.getPointer(0, inner)),
  ];
}

const spread = (pointer: ReturnType<Layout["pointerTo"]>): Layout => {
  let placed = 0;
  return { segments: 3, segmentOf: () => placed++, paddingOf: (depth) => depth + 1, pointerTo: () => pointer };
};

test.each<[string, Layout]>([
  ["one segment", PLAIN_LAYOUT],
  ["near and far pointers", spread("near")],
  ["far pointers", spread("far")],
  ["double far pointers", spread("double far")],
])("%s", (_, layout) => {
  expect(read(wordMessage(tree, layout))).toEqual([1n, 2n, "hello", 3n, true, 5]);
});
