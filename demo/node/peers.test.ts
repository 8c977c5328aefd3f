import { expect, test } from "bun:test";
import { type MessageBytes, Peers } from "./peers.ts";

const sum = (bytes: MessageBytes) => Object.values(bytes).reduce((total, count) => total + count, 0);

test("counts the bytes of each peer, which a new peer has none of, and of all that were connected", () => {
  const peers = new Peers();
  peers.restart(100);
  const lastOf = new Map<number, { received: number; sent: number }>();
  const numbers = new Set<number>();
  for (let height = 101; height < 130; height++) {
    peers.relayTransaction(250 + height);
    peers.relayBlock(height, 40_000);
    numbers.add(peers.connected.length);
    for (const { id, received, sent } of peers.connected) {
      const last = lastOf.get(id) ?? { received: 0, sent: 0 };
      expect(sum(received)).toBeGreaterThanOrEqual(last.received);
      expect(sum(sent)).toBeGreaterThanOrEqual(last.sent);
      lastOf.set(id, { received: sum(received), sent: sum(sent) });
    }
  }
  const all = [...lastOf.values()];
  expect(numbers.size).toBeGreaterThan(3);
  expect(all.length).toBeGreaterThan(Math.max(...numbers));
  // What a peer sent with the block at which it left is in the totals alone.
  const ofPeers = all.reduce((total, { received, sent }) => total + received + sent, 0);
  const total = peers.receivedBytes + peers.sentBytes;
  expect(total).toBeGreaterThan(ofPeers);
  expect(total).toBeLessThan(1.2 * ofPeers);
});

test("a start begins at zero with new peers", () => {
  const peers = new Peers();
  peers.restart(100);
  const before = peers.connected.map(({ id }) => id);
  peers.relayBlock(101, 40_000);
  peers.restart(101);
  expect(peers.receivedBytes).toBeLessThan(40_000);
  expect(peers.connected.filter(({ id }) => before.includes(id))).toEqual([]);
});
