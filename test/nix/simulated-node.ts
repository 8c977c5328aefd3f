// The demo's simulated node as a program, for the host of the VM test: listens on the socket that it is given and lives
// like a node in fast motion until a signal ends it. Exits with 1 when a client did what a real node dies of.

import { rmSync } from "node:fs";
import { autopilot } from "../../demo/autopilot.ts";
import { startSimulatedNode } from "../../demo/simulated-node.ts";

const socketPath = process.argv[2];
if (socketPath === undefined) throw new Error("usage: simulated-node.ts SOCKET");

const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => ending.abort());

// What a node that was killed leaves behind; a real one takes it away, too.
rmSync(socketPath, { force: true });
const node = startSimulatedNode({ socketPath });
await autopilot(node, ending.signal);
await node.stop();
const { uncleanLeaves, fatalCalls } = node;
console.log(`${uncleanLeaves} unclean leaves, ${fatalCalls} fatal calls`);
process.exit(uncleanLeaves + fatalCalls > 0 ? 1 : 0);
