import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { snapshotCollector } from "./snapshot.ts";

const { read } = collected(snapshotCollector);

test("background validation has samples until it is done", () => {
  const backgroundvalidation = { snapshotheight: 880_000, blocks: 654_321, verificationprogress: 0.4567 };
  expect(read("getblockchaininfo", { blocks: 900_000, verificationprogress: 1, backgroundvalidation })).toEqual({
    bitcoin_background_validation_height: "654321",
    bitcoin_snapshot_height: "880000",
    bitcoin_background_validation_progress: "0.4567",
  });
  expect(read("getblockchaininfo", { blocks: 900_000, verificationprogress: 1 })).toEqual({});
});
