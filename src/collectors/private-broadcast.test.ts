import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { feed } from "../../test/builders/rpc-answers.ts";
import { privateBroadcastCollector } from "./private-broadcast.ts";

const broadcast = collected(privateBroadcastCollector);

test("transactions without attempts left are counted", () => {
  const transactions = [1000, 0, 3, 0].map((attempts_remaining) => ({ attempts_remaining }));
  expect(broadcast.read("getprivatebroadcastinfo", { transactions })).toEqual({
    bitcoin_private_broadcast_transactions: "4",
    bitcoin_private_broadcast_exhausted_transactions: "2",
  });
});

test("before v32, how many attempts remain is not known", () => {
  feed(broadcast.collector, "v31");
  expect(broadcast.samples()).toEqual({ bitcoin_private_broadcast_transactions: "2" });
});
