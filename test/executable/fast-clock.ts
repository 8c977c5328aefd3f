// Preloaded by the exporter: its timeouts are over sooner by the factor CLOCK_SPEED, except those of CLOCK_KEPT_MS. So
// calls are given up and attempts are repeated as they are in earnest, without a test that waits as long. With CLOCK_NOW
// its intervals and performance.now go as fast, for what is measured over a time.

const speed = Number(process.env["CLOCK_SPEED"]);
const keptMs = Number(process.env["CLOCK_KEPT_MS"]);
const inEarnest = globalThis.setTimeout;

globalThis.setTimeout = Object.assign(
  (callback: () => void, delayMs = 0) => inEarnest(callback, delayMs === keptMs ? delayMs : delayMs / speed),
  inEarnest,
);

if (process.env["CLOCK_NOW"] !== undefined) {
  const now = performance.now.bind(performance);
  const repeat = globalThis.setInterval;
  performance.now = () => now() * speed;
  globalThis.setInterval = Object.assign(
    (callback: () => void, delayMs = 0) => repeat(callback, delayMs / speed),
    repeat,
  ) as typeof setInterval;
}
