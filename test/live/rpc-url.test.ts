// --rpc-url on nodes that answer JSON-RPC over HTTP only. Other files run their tests with it, too.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { whitelistFor } from "../../src/node/calls.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { BitcoinNode } from "./bitcoin-node.ts";
import { describeEachBuild, describeLive, RELEASES, V32, WITH_RPC_URL } from "./executables.ts";

const folder = temporaryFolder();

setDefaultTimeout(60_000);

const OF_JSON_RPC = "bitcoin_mempool_size";
const PASSWORD = "hunter2 ü";

describeEachBuild(
  "JSON-RPC over HTTP",
  (build) => {
    test("a wrong cookie: the log names the file, and the exporter reads it again", async () => {
      const cookie = join(folder, "cookie");
      await Bun.write(cookie, "__cookie__:wrong");
      await using node = await BitcoinNode.start([], { build });
      await using exporter = await ExporterProcess.start(node.socketPath, {
        args: [...node.exporterArgs, "--rpc-cookie-file", cookie],
      });
      const refused = `the node refuses the user or password (401); check ${cookie}`;
      await exporter.logs(new RegExp(RegExp.escape(refused)));
      await Bun.write(cookie, await node.cookie());
      await exporter.waitFor(OF_JSON_RPC, 0);
      expect(exporter.logged(/ supports json-rpc over HTTP, mining; not notifications, /)).toBeDefined();
      expect(exporter.log.join("\n")).not.toContain("__cookie__");
    });

    test("a user of -rpcauth with a whitelist: what it allows has samples, and the log has the line for this user", async () => {
      const passwordFile = join(folder, "password");
      await Bun.write(passwordFile, `${PASSWORD}\n`);
      const args = [`-rpcauth=${rpcAuth("exporter")}`, "-rpcwhitelist=exporter:uptime", "-rpcwhitelistdefault=0"];
      await using node = await BitcoinNode.start(args, { build });
      await using exporter = await ExporterProcess.start(node.socketPath, {
        args: [...node.exporterArgs, "--rpc-user", "exporter", "--rpc-password-file", passwordFile],
      });
      await exporter.connected();
      const metrics = await exporter.polled();
      expect(metrics.has("bitcoin_uptime_seconds")).toBe(true);
      expect(metrics.has(OF_JSON_RPC)).toBe(false);
      const [line, ...others] = await exporter.logs(/is forbidden \(403\)/);
      expect(line).toEndWith(`: ${whitelistFor("exporter")}`);
      expect(others).toEqual([]);
      expect(exporter.log.join("\n")).not.toContain(PASSWORD);
    });
  },
  WITH_RPC_URL,
);

describeEachBuild(
  "without --rpc-url",
  (build) => {
    test("the node's HTTP server gets no request", async () => {
      await using node = await BitcoinNode.start(["-debug=http"], { build });
      const before = await requests(node);
      expect(before).toBeGreaterThan(0);
      await using exporter = await ExporterProcess.start(node.socketPath);
      await exporter.connected();
      for (let poll = 0; poll < 3; poll++) await exporter.polled();
      expect(await requests(node)).toBe(before);
    });
  },
  RELEASES,
);

describeLive(
  "v32: --rpc-url",
  () => {
    test("is not needed: the log says so, and nothing connects to it", async () => {
      let connections = 0;
      using listener = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: { open: () => void connections++, data() {} },
      });
      await using node = await BitcoinNode.start([], { build: V32 });
      await using exporter = await ExporterProcess.start(node.socketPath, {
        args: ["--rpc-url", `http://127.0.0.1:${listener.port}`],
      });
      await exporter.waitFor(OF_JSON_RPC, 0);
      await exporter.logs(/^connected to the node at .* supports json-rpc, mining; .*; --rpc-url is not needed$/);
      for (let poll = 0; poll < 3; poll++) await exporter.polled();
      expect(connections).toBe(0);
    });
  },
  V32,
);

/** How many HTTP requests the node has logged. */
async function requests(node: BitcoinNode): Promise<number> {
  return (await node.debugLog()).split("\n").filter((line) => line.includes("Received a POST request")).length;
}

/** The value of -rpcauth for `user`: the salt, and the HMAC of the password (share/rpcauth of Bitcoin Core). */
function rpcAuth(user: string): string {
  const salt = "6d4d";
  return `${user}:${salt}$${new Bun.CryptoHasher("sha256", salt).update(PASSWORD).digest("hex")}`;
}
