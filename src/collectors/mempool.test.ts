import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { mempoolCollector } from "./mempool.ts";

const mempool = collected(mempoolCollector);

test("every field goes to its own family, amounts exact", () => {
  const answer = `{"size": 1, "bytes": 2, "usage": 3, "total_fee": 12345678.90123457, "maxmempool": 4,
    "mempoolminfee": 0.00001001, "minrelaytxfee": 0.00000100, "incrementalrelayfee": 0.00000500, "unbroadcastcount": 5}`;
  expect(mempool.read("getmempoolinfo", answer)).toMatchObject({
    bitcoin_mempool_size: "1",
    bitcoin_mempool_vsize_bytes: "2",
    bitcoin_mempool_bytes: "3",
    bitcoin_mempool_max_bytes: "4",
    bitcoin_mempool_total_fee_satoshis: "1234567890123457",
    bitcoin_mempool_min_fee_rate_satoshis_per_vbyte: "1.001",
    bitcoin_min_relay_fee_rate_satoshis_per_vbyte: "0.1",
    bitcoin_mempool_unbroadcast_transactions: "5",
  });
});
