import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Authority } from "../../test/certificates.ts";
import { WebConfigFile } from "./web-config-file.ts";

const authority = new Authority();
afterAll(() => authority[Symbol.dispose]());
const [first, second] = ["first", "second"].map((name) => authority.issue(name, { sans: "IP:127.0.0.1" }));
const HASH = `$2y$10$${"a".repeat(53)}`;
const WITH_TLS = "tls_server_config: { cert_file: server.crt, key_file: server.key }\n";
const WITH_PASSWORD = `basic_auth_users: { alice: ${HASH} }\n`;

const path = join(authority.folder, "web.yml");
const [cert, key] = ["server.crt", "server.key"].map((name) => join(authority.folder, name));
const logged: string[] = [];
const log = (line: string) => void logged.push(line);

beforeEach(() => {
  copyFileSync(first!.cert, cert!);
  copyFileSync(first!.key, key!);
  writeFileSync(path, WITH_TLS + WITH_PASSWORD);
});
afterEach(() => void logged.splice(0));

/** A change is used at the second reading. */
async function readTwice(file: WebConfigFile): Promise<void> {
  await file.readAgain(log);
  await file.readAgain(log);
}

test("reads the files that it names, relative to itself", async () => {
  const file = await WebConfigFile.open(path);
  expect(file.tls).toBeDefined();
  expect(file.passwords.areNeeded).toBe(true);
  expect(file.headerFields).toBe("");
});

test("an empty file is plain HTTP", async () => {
  writeFileSync(path, "");
  const file = await WebConfigFile.open(path);
  expect(file.tls).toBeUndefined();
  expect(file.passwords.areNeeded).toBe(false);
});

test.each([
  [() => rmSync(path), "cannot read the file: no such file or directory (ENOENT)"],
  [() => writeFileSync(path, "tls: 1"), "unknown key tls; expected one of"],
  [() => rmSync(cert!), "cannot read tls_server_config.cert_file: CERT: no such file or directory (ENOENT)"],
  [() => copyFileSync(second!.key, key!), "tls_server_config.key_file does not belong to cert_file"],
])("a fault at start is one line that names the file: %#", async (damage, message) => {
  damage();
  const expected = `web configuration ${path}: ${message.replace("CERT", cert!)}`;
  await expect(WebConfigFile.open(path)).rejects.toThrow(expected);
});

test("nothing happens while nothing changes", async () => {
  const file = await WebConfigFile.open(path);
  const { tls } = file;
  await readTwice(file);
  expect(file.tls).toBe(tls!);
  expect(logged).toEqual([]);
});

test("files that change are used at the second reading that finds the same", async () => {
  const file = await WebConfigFile.open(path);
  const { tls } = file;
  copyFileSync(second!.cert, cert!);
  await file.readAgain(log); // certificate and key do not belong together now
  copyFileSync(second!.key, key!);
  await file.readAgain(log);
  expect(file.tls).toBe(tls!);
  expect(logged).toEqual([]);
  await file.readAgain(log);
  expect(file.tls).not.toBe(tls!);
  expect(logged).toEqual([`web configuration ${path}: in use after a change`]);
  await readTwice(file);
  expect(logged).toHaveLength(1);
});

test("a faulty change is logged once, and changes nothing until it is mended", async () => {
  const file = await WebConfigFile.open(path);
  const { tls } = file;
  copyFileSync(second!.key, key!);
  for (let count = 0; count < 3; count++) await readTwice(file);
  expect(file.tls).toBe(tls!);
  expect(logged).toEqual([
    `web configuration ${path}: tls_server_config.key_file does not belong to cert_file; the last valid configuration stays in use`,
  ]);
  rmSync(key!);
  for (let count = 0; count < 3; count++) await readTwice(file);
  expect(logged).toHaveLength(2);
  expect(logged[1]).toContain(
    `cannot read tls_server_config.key_file: ${key}: no such file or directory (ENOENT); the`,
  );
  copyFileSync(second!.key, key!);
  copyFileSync(second!.cert, cert!);
  await readTwice(file);
  expect(file.tls).not.toBe(tls!);
  expect(logged).toHaveLength(3);
});

test.each([
  ["", "tls_server_config was removed; restart the exporter to serve without TLS"],
  [WITH_PASSWORD, "tls_server_config was removed; restart the exporter to serve without TLS"],
  [WITH_TLS, "basic_auth_users was removed; restart the exporter to serve without a password"],
])("protection that is there stays: %#", async (text, message) => {
  const file = await WebConfigFile.open(path);
  writeFileSync(path, text);
  await readTwice(file);
  expect(file.tls).toBeDefined();
  expect(file.passwords.areNeeded).toBe(true);
  expect(logged).toEqual([`web configuration ${path}: ${message}; the last valid configuration stays in use`]);
});

const CLIENTS = "client_ca_file: ca.crt, client_allowed_sans: [a], client_auth_type:";

test.each([
  ["", "client_auth_type NoClientCert accepts more clients than RequireAndVerifyClientCert; restart the exporter to"],
  [`${CLIENTS} RequireAnyClientCert`, "client_auth_type RequireAnyClientCert accepts more clients than RequireAnd"],
  [
    "client_ca_file: ca.crt, client_auth_type: VerifyClientCertIfGiven",
    "client_auth_type VerifyClientCertIfGiven accepts more clients than RequireAndVerifyClientCert; restart",
  ],
  [
    "client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert",
    "client_allowed_sans was removed; restart the exporter to accept any name in a certificate",
  ],
])("the rules for clients' certificates stay: %#", async (rules, message) => {
  copyFileSync(first!.cert, join(authority.folder, "ca.crt"));
  const withRules = (text: string) => writeFileSync(path, WITH_TLS.replace(" }", `, ${text} }`));
  withRules(`${CLIENTS} RequireAndVerifyClientCert`);
  const file = await WebConfigFile.open(path);
  const { tls } = file;
  withRules(rules);
  await readTwice(file);
  expect(file.tls).toBe(tls!);
  expect(logged.join()).toContain(`: tls_server_config.${message}`);
});

test("protection can be added, and header fields change", async () => {
  writeFileSync(path, "");
  const file = await WebConfigFile.open(path);
  writeFileSync(path, `${WITH_TLS}${WITH_PASSWORD}http_server_config: { headers: { X-Frame-Options: deny } }`);
  await readTwice(file);
  expect(file.tls).toBeDefined();
  expect(file.passwords.areNeeded).toBe(true);
  expect(file.headerFields).toBe("X-Frame-Options: deny\r\n");
});
