// When a ClientHello is complete, however its bytes arrive.

import { expect, test } from "bun:test";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { hasHello } from "./client-hello.ts";

const hello = await clientHello();

/** What a client sends first: one record. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const secure = connect({
    socket: new Duplex({ read() {}, write: (bytes: Buffer) => resolve(bytes) }),
    host: "127.0.0.1",
  });
  const bytes = await promise;
  secure.destroy();
  return bytes;
}

/** The same message in records of `sizeBytes`, but the last one. */
function inRecords(sizeBytes: number): Buffer {
  const message = hello.subarray(5);
  const records = Array.from({ length: Math.ceil(message.length / sizeBytes) }, (_, index) => {
    const part = message.subarray(index * sizeBytes, (index + 1) * sizeBytes);
    return Buffer.concat([hello.subarray(0, 3), Buffer.of(part.length >> 8, part.length & 0xff), part]);
  });
  return Buffer.concat(records);
}

test.each([
  ["one record", hello.length],
  ["two records", Math.ceil((hello.length - 5) / 2)],
  ["sixteen records", Math.ceil((hello.length - 5) / 16)],
])("a hello in %s is complete with its last byte", (_, sizeBytes) => {
  const bytes = inRecords(sizeBytes);
  for (let count = 0; count < bytes.length; count++) expect(hasHello(bytes.subarray(0, count))).toBe(false);
  expect(hasHello(bytes)).toBe(true);
  expect(hasHello(Buffer.concat([bytes, hello]))).toBe(true);
});

test("a hello in more records is none", () => {
  expect(hasHello(inRecords(Math.ceil((hello.length - 5) / 17)))).toBeUndefined();
});

test.each([
  ["of another type", "1503010002022b"],
  ["that is too long", "160301ffff"],
  ["with a hello that is too long", "160301000401010000"],
  ["without the header of a message", "160301000201"],
])("a record %s is no hello", (_, hex) => {
  expect(hasHello(Buffer.from(hex, "hex"))).toBeUndefined();
});
