import { expect, test } from "bun:test";
import { acceptsGzip } from "./accept-encoding.ts";

test.each([
  ["gzip"],
  ["GZIP"],
  ["x-gzip"],
  ["deflate, gzip;q=0.5"],
  ["gzip ; q=0.001"],
  ["gzip;Q=1.000"],
  ["gzip;level=9"],
  ["*"],
  ["br, *;q=0.1"],
  ["*;q=0, gzip"],
  ["gzip, identity;q=0.5"],
  ["gzip;q=0.5, identity;q=0"],
  [", gzip ,"],
])("accepts gzip: %s", (value) => {
  expect(acceptsGzip(value)).toBe(true);
});

test.each([
  [""],
  ["identity"],
  ["br, deflate"],
  ["gzip;q=0"],
  ["gzip; q=0.000"],
  ["gzip;q=0, *"],
  ["gzip;q=high"],
  ["gzip;q="],
  ["gzip;q=\xa01"],
  ["gzip\xa0"],
  ["gzip;q=1.2.3"],
  ["gzip;q=-1"],
  ["*;q=0"],
  ["identity, gzip;q=0.5"],
  ["gzipped"],
])("does not accept gzip: %s", (value) => {
  expect(acceptsGzip(value)).toBe(false);
});
