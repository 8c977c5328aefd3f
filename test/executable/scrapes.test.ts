// Scrapes while the node calls back at full rate: each is complete, and no counter falls.

import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { readMetrics } from "../exporter-process.ts";
import { connectRaw, type RawResponse } from "../http-client.ts";
import { ACCEPTED, NO_PROMTOOL, promtoolCheck } from "../promtool.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { coin, compileFirst, POLLED_METRICS, polledMetrics, session } from "./sessions.ts";

compileFirst();

const CALLS = 6_000;
const SCRAPERS = 2;
const ADDED = "bitcoin_mempool_tx_added_total";
const TEXT = "text/plain; version=0.0.4; charset=utf-8";

interface Volleys {
  isOver: boolean;
  readonly done: Promise<unknown>;
}

/** Calls both subscriptions as fast as they answer. */
function startVolleys(node: ReferenceNode): Volleys {
  const options = { count: CALLS, depth: 8 };
  const volleys: Volleys = {
    isOver: false,
    done: Promise.all([
      node.fire("ChainNotifications.transactionAddedToMempool", { tx: 400 }, options),
      node.fire("UtxoCacheTrace.add", coin(2), options),
    ]).finally(() => {
      volleys.isOver = true;
    }),
  };
  return volleys;
}

test("every scrape during callbacks is complete, and counters only rise", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node);
  const volleys = startVolleys(node);
  const scrape = async (): Promise<number> => {
    let scrapes = 0;
    let last = 0;
    for (; !volleys.isOver; scrapes++) {
      const metrics = await exporter.metrics();
      const added = metrics.get(ADDED)!;
      expect(added).toBeGreaterThanOrEqual(last);
      last = added;
      // Count and value of a coin change together.
      const coins = metrics.get("bitcoin_utxo_cache_add_total")!;
      expect(metrics.get("bitcoin_utxo_cache_add_value_total")).toBe(2 * coins);
    }
    return scrapes;
  };
  const scrapes = await Promise.all(Array.from({ length: SCRAPERS }, scrape));
  await volleys.done;
  expect(Math.min(...scrapes)).toBeGreaterThan(2);
  const metrics = await exporter.polled();
  expect(metrics.get(ADDED)).toBe(CALLS);
  expect(metrics.get("bitcoin_utxo_cache_add_total")).toBe(CALLS);
  expect(polledMetrics(metrics)).toEqual(POLLED_METRICS);
});

test("GET, HEAD, gzip, HTTP/1.0 and a kept connection, during callbacks", async () => {
  await using node = await ReferenceNode.start();
  await using exporter = await session(node);
  // From here on the page has all its series, and only numbers change.
  await exporter.waitFor("bitcoin_last_block_interval_seconds", 1);
  const { port, host } = new URL(exporter.url);
  const request = async (text: string, bodiless?: "bodiless"): Promise<RawResponse> => {
    const client = await connectRaw(Number(port));
    client.send(text);
    const response = await client.response(bodiless);
    expect(response.status).toBe(200);
    expect(response.fields.get("content-type")).toBe(TEXT);
    client.close();
    return response;
  };
  const volleys = startVolleys(node);

  const get = await request(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  expect(readMetrics(get.body.toString()).get("bitcoin_ipc_up")).toBe(1);

  const head = await request(`HEAD /metrics HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "bodiless");
  expect(Number(head.fields.get("content-length"))).toBeWithin(get.body.length - 100, get.body.length + 100);

  const gzip = await request(`GET / HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip\r\n\r\n`);
  expect(gzip.fields.get("content-encoding")).toBe("gzip");
  expect(gzip.body.length).toBeLessThan(get.body.length / 2);
  expect(readMetrics(gunzipSync(gzip.body).toString()).get("bitcoin_ipc_up")).toBe(1);

  const old = await connectRaw(Number(port));
  old.send("GET /metrics HTTP/1.0\r\n\r\n");
  expect(readMetrics((await old.response()).body.toString()).get("bitcoin_ipc_up")).toBe(1);
  expect(await old.ended()).toHaveLength(0);
  old.close();

  // As Prometheus does: one connection for all scrapes.
  const kept = await connectRaw(Number(port));
  for (let scrape = 0; scrape < 20; scrape++) {
    kept.send(`GET /metrics HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: gzip\r\n\r\n`);
    const { body } = await kept.response();
    expect(readMetrics(gunzipSync(body).toString()).get("bitcoin_ipc_up")).toBe(1);
  }
  kept.close();
  await volleys.done;
});

test.skipIf(NO_PROMTOOL !== "")(`promtool reports nothing about the page${NO_PROMTOOL}`, async () => {
  await using node = await ReferenceNode.start();
  await node.fail("Node.getNodeCount", "failed", 'a "reason"\nof two lines');
  await using exporter = await session(node);
  const volleys = startVolleys(node);
  await exporter.polled();
  expect(promtoolCheck(await exporter.payload())).toEqual(ACCEPTED);
  await volleys.done;
  await node.kill();
  await exporter.waitFor("bitcoin_ipc_up", 0);
  expect(promtoolCheck(await exporter.payload())).toEqual(ACCEPTED);
});
