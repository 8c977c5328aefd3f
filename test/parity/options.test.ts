// The command line: defaults, values, and what it refuses.

import { expect, test } from "bun:test";
import { MAPS } from "../../scripts/parity/maps.ts";
import { readParityOptions, USAGE } from "../../scripts/parity/options.ts";

const URLS = ["--ours", "http://127.0.0.1:1/metrics", "--theirs", "http://127.0.0.1:2/metrics"];

test("has defaults for everything but the addresses", () => {
  expect(readParityOptions(URLS)).toEqual({
    ours: "http://127.0.0.1:1/metrics",
    theirs: ["http://127.0.0.1:2/metrics"],
    map: undefined,
    json: false,
    samples: 3,
    intervalS: 5,
    tolerancePct: 1,
  });
});

test("reads every flag", () => {
  const flags = [
    "--theirs=https://[::1]/",
    "--map",
    "lnliz",
    "--json",
    "--samples",
    "9",
    "--interval=0.5",
    "--tolerance=2.5",
  ];
  expect(readParityOptions([...URLS, ...flags])).toMatchObject({
    theirs: ["http://127.0.0.1:2/metrics", "https://[::1]/"],
    map: MAPS["lnliz"],
    json: true,
    samples: 9,
    intervalS: 0.5,
    tolerancePct: 2.5,
  });
});

test.each([["--help"], ["-h"]])("%s asks for help, whatever is missing", (flag) => {
  expect(readParityOptions([flag])).toBe("help");
});

test.each([
  [[], "missing --ours"],
  [URLS.slice(0, 2), "missing --theirs"],
  [[...URLS, "--theirs", "127.0.0.1:9332"], 'bad value "127.0.0.1:9332" for --theirs'],
  [[...URLS, "--theirs", "file:///etc/passwd"], "for --theirs: expected a URL"],
  [[...URLS, "--samples", "1"], 'bad value "1" for --samples: expected a whole number from 2 to'],
  [[...URLS, "--samples", "2.5"], 'bad value "2.5" for --samples: expected a whole number'],
  [[...URLS, "--interval", "1e3"], 'bad value "1e3" for --interval'],
  [[...URLS, "--tolerance", "101"], 'bad value "101" for --tolerance'],
  [[...URLS, "--tolerance="], 'bad value "" for --tolerance'],
  [
    [...URLS, "--map", "toString"],
    'bad value "toString" for --map: expected one of original, usdt-dash, jvstein, lnliz, peer-observer',
  ],
  [[...URLS, "--maps", "x"], "Unknown option '--maps'"],
  [[...URLS, "here"], "here"],
])("refuses %j", (args, why) => {
  expect(() => readParityOptions(args)).toThrow(why);
  expect(() => readParityOptions(args)).toThrow(USAGE);
});
