// Preloaded by the exporter: its timeouts are over sooner by the factor CLOCK_SPEED, except those of the lengths in
// CLOCK_KEPT_MS, or only those in CLOCK_ONLY_MS. So calls are given up and attempts are repeated as they are in earnest,
// without a test that waits as long. With CLOCK_NOW its intervals and performance.now go as fast, for what is measured over
// a time.

const speed = Number(process.env["CLOCK_SPEED"]);
const keptMs = lengths("CLOCK_KEPT_MS");
const onlyMs = lengths("CLOCK_ONLY_MS");
const inEarnest = globalThis.setTimeout;

globalThis.setTimeout = Object.assign(
  (callback: () => void, delayMs = 0) => inEarnest(callback, isFast(delayMs) ? delayMs / speed : delayMs),
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

function isFast(delayMs: number): boolean {
  return onlyMs?.includes(delayMs) ?? !keptMs?.includes(delayMs);
}

function lengths(name: string): number[] | undefined {
  return process.env[name]?.split(",").map(Number);
}
