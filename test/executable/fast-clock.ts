// Preloaded by the exporter: its timeouts are over sooner by the factor CLOCK_SPEED, except those of CLOCK_KEPT_MS. So
// calls are given up and attempts are repeated as they are in earnest, without a test that waits as long.

const speed = Number(process.env["CLOCK_SPEED"]);
const keptMs = Number(process.env["CLOCK_KEPT_MS"]);
const inEarnest = globalThis.setTimeout;

globalThis.setTimeout = Object.assign(
  (callback: () => void, delayMs = 0) => inEarnest(callback, delayMs === keptMs ? delayMs : delayMs / speed),
  inEarnest,
);
