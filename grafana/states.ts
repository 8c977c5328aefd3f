// States and thresholds of values that both dashboards show.

import type { Mapping, Step } from "./dashboard.ts";

export const CONNECTED: Readonly<Record<string, Mapping>> = {
  0: { text: "disconnected", color: "red" },
  1: { text: "connected", color: "green" },
};
export const CONNECTED_STEPS: readonly Step[] = [{ color: "red" }, { color: "green", value: 1 }];
export const TIP_AGE_STEPS: readonly Step[] = [
  { color: "green" },
  { color: "yellow", value: 3600 },
  { color: "red", value: 5400 },
];
export const BLOCKS_BEHIND_STEPS: readonly Step[] = [
  { color: "green" },
  { color: "yellow", value: 2 },
  { color: "red", value: 6 },
];
export const PEERS_STEPS: readonly Step[] = [
  { color: "red" },
  { color: "yellow", value: 4 },
  { color: "green", value: 8 },
];
export const WARNINGS_STEPS: readonly Step[] = [{ color: "green" }, { color: "orange", value: 1 }];

export const SYNCING: Readonly<Record<string, Mapping>> = {
  0: { text: "no", color: "green" },
  1: { text: "yes", color: "blue" },
};
export const ACTIVE: Readonly<Record<string, Mapping>> = {
  0: { text: "off", color: "red" },
  1: { text: "on", color: "green" },
};
