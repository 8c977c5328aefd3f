import { expect, test } from "bun:test";
import { answerRpc } from "../../test/builders/polled-calls.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { samplesOf } from "../../test/builders/samples.ts";
import { Registry } from "../metrics/registry.ts";
import { privateBroadcastCollector } from "./private-broadcast.ts";

test("transactions without attempts left are counted", () => {
  const registry = new Registry();
  const transactions = [1000, 0, 3, 0].map((attempts_remaining) => ({ attempts_remaining }));
  answerRpc(privateBroadcastCollector(registry), "getprivatebroadcastinfo", JSON.stringify({ transactions }));
  expect(samplesOf(registry)).toEqual({
    bitcoin_private_broadcast_transactions: "4",
    bitcoin_private_broadcast_exhausted_transactions: "2",
  });
});

test("before v32, how many attempts remain is not known", () => {
  const registry = new Registry();
  feed(privateBroadcastCollector(registry), "v31");
  expect(samplesOf(registry)).toEqual({ bitcoin_private_broadcast_transactions: "2" });
});
