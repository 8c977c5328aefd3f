// The image as buildah makes and runs it: its root has only the files that the exporter needs, and the exporter in it connects
// to a node and disconnects cleanly. buildah runs it in a chroot, without a daemon or a network.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulatedNode } from "../../demo/simulated-node.ts";
import { makeRoot } from "../../scripts/image.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { lacking, unless } from "../skipped.ts";

const PACKAGING = join(import.meta.dirname, "../../packaging");

/** The loader and the folder of the libraries on Debian. */
const LIBRARIES = {
  x64: ["/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu"],
  arm64: ["/lib/ld-linux-aarch64.so.1", "/lib/aarch64-linux-gnu"],
} as const;

const isDebian = process.platform === "linux" && readFileSync("/etc/os-release", "utf8").includes("ID=debian");
const notDebian = unless(isDebian, "not Debian");
const reason = lacking("buildah") || unless(process.getuid!() === 0, "not root");

let folder: string;
let root: string;
let files: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "image-test-"));
  root = join(folder, "image");
  const [executable] = await compiledExporter();
  files = makeRoot(executable!, root);
}, COMPILE_DEADLINE_MS);
afterAll(() => rmSync(folder, { recursive: true }));

function filesBelow(path: string): string[] {
  return (readdirSync(path, { recursive: true }) as string[])
    .filter((file) => !statSync(join(path, file)).isDirectory())
    .map((file) => `/${file}`)
    .sort();
}

describe("the image's root", () => {
  test("has the files that makeRoot returns", () => {
    expect(filesBelow(root)).toEqual(files);
  });

  test.skipIf(notDebian !== "")(`has the executable, the loader and four libraries${notDebian}`, () => {
    const [loader, libraries] = LIBRARIES[process.arch as keyof typeof LIBRARIES];
    const needed = ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"].map((name) => `${libraries}/${name}`);
    expect(files).toEqual(["/bitcoind-ipc-exporter", loader, ...needed].sort());
  });
});

describe.skipIf(reason !== "")(`the image${reason}`, () => {
  const CONTAINER = "exporter";
  const RUN_MARK = `image-test-${process.pid}`;

  function buildah(...args: string[]): string[] {
    const store = ["--storage-driver", "vfs", "--root", join(folder, "store"), "--runroot", join(folder, "run")];
    return ["buildah", ...store, ...args];
  }

  function run(...args: string[]): string {
    const { success, stdout, stderr } = Bun.spawnSync(buildah(...args), { stdout: "pipe", stderr: "pipe" });
    if (!success) throw new Error(`buildah ${args[0]}: ${stderr}`);
    return stdout.toString();
  }

  beforeAll(() => {
    run("build", "--isolation", "chroot", "--file", join(PACKAGING, "Containerfile"), "--tag", CONTAINER, root);
    run("from", "--name", CONTAINER, CONTAINER);
  }, 60_000);

  test("has the root as its only layer, and an unprivileged user", () => {
    const { OCIv1: image } = JSON.parse(run("inspect", "--type", "image", CONTAINER)) as {
      OCIv1: { config: { User: string; Env: string[] }; rootfs: { diff_ids: string[] } };
    };
    expect(image.rootfs.diff_ids).toHaveLength(1);
    expect(image.config.User).toBe("65532:65532");
    expect(image.config.Env).toContain("METRICS_ADDR=0.0.0.0:9332");
  });

  test("connects to a node, serves metrics, and disconnects cleanly on SIGTERM", async () => {
    const nodeFolder = join(folder, "node");
    mkdirSync(nodeFolder);
    await using node = startSimulatedNode({ socketPath: join(nodeFolder, "node.sock") });
    const { Docker: image } = JSON.parse(run("inspect", "--type", "image", CONTAINER)) as {
      Docker: { config: { Entrypoint: string[]; Cmd: string[] } };
    };
    const { Entrypoint, Cmd } = image.config;
    // In production the image runs as the node's user; here the socket is open to the image's own user. `buildah run` ignores
    // the entry point, so the command has it.
    chmodSync(node.socketPath, 0o777);
    await using exporter = await ExporterProcess.start(Cmd[0]!, {
      command: buildah(
        ...["run", "--isolation", "chroot", "--env", `RUN_MARK=${RUN_MARK}`],
        ...["--volume", `${nodeFolder}:/node:ro`, CONTAINER, "--", ...Entrypoint],
      ),
    });
    await exporter.connected();
    // An address of the command line replaces that of the image.
    expect(exporter.log.filter((line) => line.includes("serves metrics on"))).toHaveLength(1);
    await node.mineBlock();
    await exporter.waitFor("bitcoin_blocks_connected_total", 1);

    // buildah does not forward signals, unlike container engines.
    process.kill(pidInImage(), "SIGTERM");
    expect(await exporter.ended()).toMatchObject({ exitCode: 0 });
    expect(exporter.log).toContain("disconnected");
    expect(node).toMatchObject({ subscriptions: 0, uncleanLeaves: 0, fatalCalls: 0 });
  });

  /** The exporter's pid on this machine, found by its environment. */
  function pidInImage(): number {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const pid = pids.find((pid) => {
      try {
        const isOurs = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`RUN_MARK=${RUN_MARK}`);
        return isOurs && readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("/bitcoind-ipc-exporter\0");
      } catch {
        return false; // it has exited meanwhile
      }
    });
    if (pid === undefined) throw new Error("no process of the image");
    return Number(pid);
  }
});
