// --once and --check when something is in the way: one line that says what, exit status 1, and a node that is left in order.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { chmod, copyFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { runExporter } from "../exporter-run.ts";
import { ReferenceNode } from "../reference-node/reference-node.ts";
import { unless } from "../skipped.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { called, compileFirst, expectNothingLeft, LEAVE_DEADLINE_MS } from "./sessions.ts";

compileFirst();

const folder = temporaryFolder();

const MODES = ["--once", "--check"];
const NO_SOCKET = "no such file or directory (ENOENT); start the node with ipcbind=unix, or check the path";

/** The line that the exporter prints instead of a page. */
function failure(path: string, reason: string): { exitCode: number; stdout: string; stderr: string } {
  const stderr = `bitcoind-ipc-exporter: cannot poll the node at ${path}: ${reason}\n`;
  return { exitCode: 1, stdout: "", stderr };
}

describe.each(MODES)("%s", (mode) => {
  test("of no socket", async () => {
    const path = join(folder, "nothing.sock");
    expect(await runExporter([mode, path])).toEqual(failure(path, NO_SOCKET));
  });

  test("of a socket that an ended node left behind", async () => {
    const path = join(folder, `left${mode}.sock`);
    const listen = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } })`;
    Bun.spawnSync([process.execPath, "-e", `${listen}; process.kill(process.pid, "SIGKILL")`]);
    const reason = "connection refused (ECONNREFUSED); start the node with ipcbind=unix, or check the path";
    expect(await runExporter([mode, path])).toEqual(failure(path, reason));
  });

  test("of another program's socket", async () => {
    const path = join(folder, `other${mode}.sock`);
    const listener = Bun.listen({ unix: path, socket: { data: (socket) => void socket.write("SSH-2.0-OpenSSH\r\n") } });
    try {
      const { stderr, ...rest } = await runExporter([mode, path]);
      expect(rest).toEqual({ exitCode: 1, stdout: "" });
      const program = readFileSync("/proc/self/comm", "utf8").trimEnd();
      expect(stderr).toMatch(/: frame of \d+ segments is over the limit of 512 segments; the program behind/);
      expect(stderr).toEndWith(`; the program behind the socket is ${program}\n`);
    } finally {
      listener.stop(true);
    }
  });

  test("of a node that is starting, until --timeout", async () => {
    await using node = await ReferenceNode.start();
    await node.warmup("Loading block index…");
    const waiting = "waiting for the node to start: Loading block index…";
    expect(await runExporter([mode, "--timeout", "1.5", node.socketPath])).toEqual(
      failure(node.socketPath, `no poll within 1.5 s: ${waiting}; --timeout waits longer`),
    );
    await expectNothingLeft(node);
    // And one that starts in time.
    const run = runExporter([mode, node.socketPath]);
    await called(node, "Node.executeRpc", 3);
    await node.warmup("");
    expect(await run).toMatchObject({ exitCode: 0, stderr: "" });
    await expectNothingLeft(node);
  });

  test("of a layout that is not known", async () => {
    await using node = await ReferenceNode.start({ layout: "echo-only" });
    const { stderr, ...rest } = await runExporter([mode, node.socketPath]);
    expect(rest).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^[^\n]+: the node has none of the known IPC layouts: Init@4[^\n]+\n$/);
  });

  test("of a node that hangs in the poll, until --timeout", async () => {
    await using node = await ReferenceNode.start();
    await node.hang("Chain.getHeight");
    const start = performance.now();
    expect(await runExporter([mode, "--timeout=1", node.socketPath])).toMatchObject({
      ...failure(node.socketPath, "no poll within 1 s: it has not answered every call; --timeout waits longer"),
    });
    expect(performance.now() - start).toBeLessThan(1000 + LEAVE_DEADLINE_MS);
  });

  test("that SIGINT stops: the node returns the call first", async () => {
    await using node = await ReferenceNode.start();
    await node.delay("Chain.getHeight", 1000);
    const result = await runExporter([mode, node.socketPath], {
      onStart: async (child) => {
        await called(node, "Chain.getHeight");
        child.kill("SIGINT");
      },
    });
    expect(result).toEqual(failure(node.socketPath, "stopped by SIGINT"));
    await expectNothingLeft(node);
  });

  test("needs no free address, and --debug logs to stderr", async () => {
    await using server = await ExporterProcess.start(join(folder, "nothing.sock"));
    await using node = await ReferenceNode.start();
    const env = { METRICS_ADDR: new URL(server.url).host };
    const { exitCode, stdout, stderr } = await runExporter([mode, "--debug", node.socketPath], { env });
    expect(exitCode).toBe(0);
    expect(stdout).not.toMatch(/^ *poll: /m);
    expect(stderr).toMatch(/^\S+Z poll: Chain\.getHeight = /m);
  });
});

test("a path with control characters is printed escaped, in one line", async () => {
  await using node = await ReferenceNode.start();
  const path = join(folder, "a\n\x1b[2J.sock");
  const escaped = join(folder, "a\\n\\u{1b}[2J.sock");
  expect(await runExporter(["--check", path])).toEqual(failure(escaped, NO_SOCKET));
  await symlink(node.socketPath, path);
  expect((await runExporter(["--check", path])).stdout).toStartWith(`${escaped}: the node has started\n`);
});

const isRoot = process.getuid?.() === 0;
const need = unless(isRoot, "only root can be another user");
test.skipIf(need !== "")(`--once of a socket that another user owns names that user${need}`, async () => {
  const path = join(folder, "closed.sock");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  const executable = join(folder, "exporter");
  await copyFile((await compiledExporter())[0]!, executable);
  await Promise.all([chmod(path, 0o600), chmod(executable, 0o755), chmod(folder, 0o755)]);
  try {
    const command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", executable];
    const owner = "this user may not write to the socket, which user root owns";
    const advice = "run the exporter as the node's user or in its group";
    const reason = `permission denied (EACCES): ${owner}; ${advice}`;
    expect(await runExporter(["--once", path], { command })).toEqual(failure(path, reason));
  } finally {
    listener.stop(true);
  }
});

test("--once when stdout is full or closed", async () => {
  await using node = await ReferenceNode.start();
  const [executable] = await compiledExporter();
  const into = (redirection: string) =>
    runExporter(["-c", `"$0" --once "$1" ${redirection}`, executable!, node.socketPath], { command: ["bash"] });
  const refused = "bitcoind-ipc-exporter: cannot write to stdout: ";
  expect(await into("> /dev/full")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `${refused}no space left on device (ENOSPC)\n`,
  });
  await expectNothingLeft(node);
  expect(await into("| true; exit $PIPESTATUS")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `${refused}broken pipe (EPIPE)\n`,
  });
});
