import { expect, test } from "bun:test";
import { UsageError } from "../src/argument-reader.ts";
import { readDemoOptions } from "./options.ts";

test("polls often and has no end by default", () => {
  expect(readDemoOptions([])).toMatchObject({ exporter: { pollIntervalMs: 500 }, durationMs: undefined });
});

test.each([[["--duration", "2.5"]], [["--duration=2.5"]]])("reads a duration: %p", (args) => {
  expect(readDemoOptions(args)).toMatchObject({ durationMs: 2500 });
});

test("passes the other flags on to the exporter", () => {
  const args = ["--metrics-addr=127.0.0.1:1234", "--duration", "1", "--no-utxo-trace", "--poll-interval", "2"];
  expect(readDemoOptions(args)).toMatchObject({
    exporter: { metricsAddresses: [{ hostname: "127.0.0.1", port: 1234 }], utxoTrace: false, pollIntervalMs: 2000 },
    durationMs: 1000,
  });
});

test.each(["--help", "-h"])("gives help: %s", (flag) => {
  expect(readDemoOptions([flag])).toBe("help");
});

test.each([
  [["--duration"], "--duration"],
  [["--duration", "0"], "--duration"],
  [["--duration=ever"], "--duration"],
  [["--duration=86401"], "--duration"],
  [["--metrics-addr=nowhere"], "--metrics-addr"],
  [["--dration=3"], "--dration"],
  [["my.sock"], "my.sock"],
])("refuses %p", (args, named) => {
  expect(() => readDemoOptions(args)).toThrow(UsageError);
  expect(() => readDemoOptions(args)).toThrow(named);
});
