// The rest of large messages, from files that stand for sockets in which that much has come, and from sockets.

import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../test/temporary-folder.ts";
import { readLargeMessage } from "./large-message.ts";

const folder = temporaryFolder();

const READ_BYTES = 256 * 1024;
const MAX_READS = 32;

/** Wants so many bytes, and keeps them. */
class Receiver {
  readonly received: Buffer[] = [];
  #wanted: number;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  get isDropping(): boolean {
    return this.#wanted > 0;
  }

  receive(chunk: Uint8Array): void {
    this.received.push(Buffer.from(chunk));
    this.#wanted -= chunk.length;
  }
}

/** What comes to a receiver that wants `wanted` bytes from a file that holds `content`. */
function readFrom(content: Uint8Array, wanted: number): Buffer[] {
  const path = join(folder, "content");
  writeFileSync(path, content);
  const descriptor = openSync(path, "r");
  const receiver = new Receiver(wanted);
  readLargeMessage(descriptor, receiver);
  closeSync(descriptor);
  return receiver.received;
}

/** Bytes that are not alike. */
const content = (sizeBytes: number) => Buffer.from(Uint8Array.from({ length: sizeBytes }, (_, at) => at % 251));

test("reads until the message is whole, in order", () => {
  const bytes = content(3 * READ_BYTES);
  const received = readFrom(bytes, 2 * READ_BYTES - 1);
  expect(received.map(({ length }) => length)).toEqual([READ_BYTES, READ_BYTES]);
  expect(Buffer.concat(received).equals(bytes.subarray(0, 2 * READ_BYTES))).toBe(true);
});

test("reads the available bytes", () => {
  const bytes = content(READ_BYTES + 7);
  const received = readFrom(bytes, 3 * READ_BYTES);
  expect(received.map(({ length }) => length)).toEqual([READ_BYTES, 7]);
  expect(Buffer.concat(received).equals(bytes)).toBe(true);
});

test("reads nothing when the message is complete", () => {
  expect(readFrom(content(10), 0)).toEqual([]);
});

test("yields to other work, however many bytes are missing", () => {
  expect(readFrom(Buffer.alloc((MAX_READS + 1) * READ_BYTES), Number.POSITIVE_INFINITY)).toHaveLength(MAX_READS);
});

test("never waits, and leaves errors of the socket to its owner", async () => {
  const path = join(folder, "silent.sock");
  using listener = Bun.listen({ unix: path, socket: { data() {} } });
  const socket = await Bun.connect({ unix: path, socket: { data() {} } });
  const { fd } = socket as typeof socket & { readonly fd: number };
  expect(fd).toBeGreaterThan(2);
  const receiver = new Receiver(1);
  readLargeMessage(fd, receiver);
  socket.terminate();
  readLargeMessage(-1, receiver);
  readLargeMessage(1_000_000, receiver);
  expect(receiver.received).toEqual([]);
  expect(listener.unix).toBe(path);
});
