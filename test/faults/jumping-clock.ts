// Preloaded by the exporter: its wall clock is set back and forth by a day, many times a second.

export {};

const DAY_MS = 24 * 60 * 60 * 1000;
const STEP_MS = 30;
const now = Date.now;
let offsetMs = 0;

Date.now = () => now() + offsetMs;
setInterval(() => {
  offsetMs = offsetMs === 0 ? DAY_MS : offsetMs > 0 ? -DAY_MS : 0;
}, STEP_MS).unref();
