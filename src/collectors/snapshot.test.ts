import { expect, test } from "bun:test";
import { answerRpc } from "../../test/builders/polled-calls.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { snapshotCollector } from "./snapshot.ts";

test("background validation has samples until it is done", () => {
  const registry = new Registry();
  const snapshot = snapshotCollector(registry);
  const read = (answer: object) => answerRpc(snapshot, "getblockchaininfo", JSON.stringify(answer));
  const backgroundvalidation = { snapshotheight: 880_000, blocks: 654_321, verificationprogress: 0.4567 };
  read({ blocks: 900_000, verificationprogress: 1, backgroundvalidation });
  expect(samplesOf(registry)).toEqual({
    bitcoin_background_validation_height: "654321",
    bitcoin_snapshot_height: "880000",
    bitcoin_background_validation_progress: "0.4567",
  });
  read({ blocks: 900_000, verificationprogress: 1 });
  expect(samplesOf(registry)).toEqual({});
});
