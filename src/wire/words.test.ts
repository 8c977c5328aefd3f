// Little-endian integers against DataView.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { readInt32, readUint16, readUint32, writeUint32 } from "./words.ts";

const anyBytes = fc.uint8Array({ minLength: 4, maxLength: 12 });

test("integers are read as a DataView reads them, at every offset", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at + 4 <= bytes.length; at++) {
        expect(readInt32(bytes, at)).toBe(view.getInt32(at, true));
        expect(readUint32(bytes, at)).toBe(view.getUint32(at, true));
        expect(readUint16(bytes, at)).toBe(view.getUint16(at, true));
      }
    }),
  );
});

test("a number is written modulo 2^32, into its own four bytes only", () => {
  fc.assert(
    fc.property(anyBytes, fc.nat(), fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }), (before, offset, value) => {
      const at = offset % (before.length - 3);
      const bytes = before.slice();
      writeUint32(bytes, at, value);
      const expected = before.slice();
      new DataView(expected.buffer).setUint32(at, value, true);
      expect(bytes).toEqual(expected);
    }),
  );
});

test.each([0, 1, 0x7fffffff, 0x80000000, 0xffffffff])("%p survives being written and read", (value) => {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  expect(readUint32(bytes, 0)).toBe(value);
});
