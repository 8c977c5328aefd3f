import { expect, test } from "bun:test";
import { readReport } from "./wrk.ts";

const REPORT = `Running 1s test @ http://127.0.0.1:9332/metrics
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   269.81us  120.33us   3.16ms   93.52%
    Req/Sec    29.71k     2.38k   33.13k    72.73%
  32473 requests in 1.10s, 251.72MB read
Requests/sec:  29525.61
Transfer/sec:    228.87MB
`;

const withLine = (line: string) => REPORT.replace("Requests/sec", `${line}\nRequests/sec`);

test("the rate of a run without a failure", () => {
  expect(readReport(REPORT)).toBe(29525.61);
});

test("a run with a failure has no rate", () => {
  expect(() => readReport(withLine("  Socket errors: connect 0, read 3, write 0, timeout 0"))).toThrow("read 3");
  expect(() => readReport(withLine("  Non-2xx or 3xx responses: 12"))).toThrow("responses: 12");
});

test("a run without a request has no rate", () => {
  expect(() => readReport(REPORT.replace("29525.61", "0.00"))).toThrow("no request was answered");
  expect(() => readReport("")).toThrow("no request was answered");
});
