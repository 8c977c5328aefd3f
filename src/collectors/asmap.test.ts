import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { asmapCollector } from "./asmap.ts";

const asmap = collected(asmapCollector);
const read = (...systems: (number | undefined)[]) =>
  asmap.read(
    "getpeerinfo",
    systems.map((mapped_as) => ({ mapped_as })),
  );

test("peers are counted by autonomous system, without a label for each", () => {
  expect(read(24940, 16509, 24940, undefined, 24940, 4_294_967_295, undefined, 16509)).toEqual({
    bitcoin_peer_autonomous_systems: "3",
    bitcoin_peers_without_autonomous_system: "2",
    bitcoin_peer_autonomous_system_largest_share: "0.375",
  });
});

test("a node without -asmap has no samples", () => {
  expect(read()).toEqual({});
  expect(read(undefined, undefined)).toEqual({});
});
