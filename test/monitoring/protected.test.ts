// A real Prometheus scrapes an exporter over TLS, with a client certificate and a password.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { COMPILE_DEADLINE_MS, compiledExporter } from "../exporter-command.ts";
import { ExporterProcess } from "../exporter-process.ts";
import { PASSWORD, Protection, USER } from "../protected-exporter.ts";
import { PrometheusServer } from "./prometheus-server.ts";

const TIMEOUT_MS = 60_000;
const NO_NODE = "/nonexistent/node.sock";

const protection = new Protection({
  client_ca_file: "ca.crt",
  client_auth_type: "RequireAndVerifyClientCert",
  client_allowed_sans: ["prometheus.example"],
  min_version: "TLS13",
});
afterAll(() => protection[Symbol.dispose]());

let exporter: ExporterProcess;
beforeAll(async () => {
  await compiledExporter();
  exporter = await ExporterProcess.start(NO_NODE, { args: protection.start.args });
}, COMPILE_DEADLINE_MS);
afterAll(() => exporter[Symbol.asyncDispose]());

/** Whether the targets of a Prometheus with this certificate and password are up, after three scrapes. */
async function isUp(san: string, password: string): Promise<boolean> {
  const { cert, key } = protection.issue(san, { sans: `DNS:${san}` });
  const passwordFile = join(protection.authority.folder, "password");
  writeFileSync(passwordFile, password);
  await using prometheus = await PrometheusServer.start({
    targets: [new URL(exporter.url).host],
    scrape: {
      scheme: "https",
      tls_config: { ca_file: protection.authority.cert, cert_file: cert, key_file: key },
      basic_auth: { username: USER, password_file: passwordFile },
    },
  });
  await eventually("three scrapes", async () => {
    const [count] = await prometheus.query("count_over_time(up[1m])");
    return Number(count?.value[1] ?? 0) >= 3;
  });
  const up = await prometheus.query("min_over_time(up[1m]) == 1");
  const samples = await prometheus.query("bitcoin_ipc_up");
  expect(samples).toHaveLength(up.length);
  return up.length === 1;
}

test(
  "with a valid certificate and password it is up at every scrape",
  async () => {
    expect(await isUp("prometheus.example", PASSWORD)).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  "with a wrong password, and with a certificate of another name, it is down",
  async () => {
    expect(await isUp("prometheus.example", "wrong")).toBe(false);
    expect(await isUp("other.example", PASSWORD)).toBe(false);
    expect(exporter.logged(/^refused a TLS client: its certificate has no name of client_allowed_sans;/)).toBeDefined();
  },
  TIMEOUT_MS,
);
