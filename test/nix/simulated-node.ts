// The demo's simulated node as a program, for the host of the VM test: runs the autopilot on a socket until a signal. Exits
// with 1 if a client did what crashes a real node.

import { rmSync } from "node:fs";
import { autopilot } from "../../demo/autopilot.ts";
import { startSimulatedNode } from "../../demo/simulated-node.ts";

const socketPath = process.argv[2];
if (socketPath === undefined) throw new Error("usage: simulated-node.ts SOCKET");

const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => ending.abort());

// A killed node leaves its socket behind; a real node removes it too.
rmSync(socketPath, { force: true });
const node = startSimulatedNode({ socketPath });
await autopilot(node, ending.signal);
await node.stop();
const { uncleanLeaves, fatalCalls } = node;
console.log(`${uncleanLeaves} unclean leaves, ${fatalCalls} fatal calls`);
process.exit(uncleanLeaves + fatalCalls > 0 ? 1 : 0);
