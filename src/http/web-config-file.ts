// A web configuration file in use: read at start, and again when it or a file that it names changes. A fault at start is an
// error, a later one is logged and changes nothing.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { getSystemErrorMap } from "node:util";
import { Passwords } from "./passwords.ts";
import { TlsContext } from "./tls-context.ts";
import { type Pem, readWebSettings, requires, verifies, WebConfigError, type WebSettings } from "./web-config.ts";

/** The settings that the server reads for each connection and each request. */
export interface WebConfig {
  /** For the next connection; undefined: plain HTTP. */
  readonly tls: TlsContext | undefined;
  readonly passwords: Passwords;
  /** Lines of the head of each response, each with its CRLF. */
  readonly headerFields: string;
}

/**
 * Between two readings. A change is used when two readings have found the same, so that files that are replaced one after the
 * other, or are half written, are not a fault.
 */
const READ_INTERVAL_MS = 2_000;

/** The contents of all files. */
interface Contents {
  readonly settings: WebSettings;
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

export class WebConfigFile implements WebConfig {
  readonly #path: string;
  readonly passwords = new Passwords();
  #tls: TlsContext | undefined;
  #headerFields = "";
  /** The contents or the fault that were used or refused last, and those that were read last, as text. */
  #handled = "";
  #read = "";
  #isReading = false;

  /** Reads the file and those that it names. Rejects with WebConfigError. */
  static async open(path: string): Promise<WebConfigFile> {
    const file = new WebConfigFile(path);
    const contents = await file.#readContents();
    file.#use(contents);
    file.#handled = file.#read = textOf(contents);
    return file;
  }

  private constructor(path: string) {
    this.#path = path;
  }

  get tls(): TlsContext | undefined {
    return this.#tls;
  }

  get headerFields(): string {
    return this.#headerFields;
  }

  /** Reads the files every two seconds as long as the process runs, and logs each change and each fault once. */
  follow(log: (line: string) => void): void {
    setInterval(() => void this.readAgain(log), READ_INTERVAL_MS).unref();
  }

  /** Reads the files, and uses what they contain if they have changed since before the last reading. Never rejects. */
  async readAgain(log: (line: string) => void): Promise<void> {
    if (this.#isReading) return; // a file system that hangs
    this.#isReading = true;
    const found = await this.#readContents().catch((error: WebConfigError) => error);
    this.#isReading = false;
    const text = textOf(found);
    const isStable = text === this.#read;
    this.#read = text;
    if (!isStable || text === this.#handled) return;
    this.#handled = text;
    try {
      if (found instanceof WebConfigError) throw found;
      this.#refuseOpening(found.settings);
      this.#use(found);
      log(`web configuration ${this.#path}: in use after a change`);
    } catch (error) {
      log(`${(error as Error).message}; the last valid configuration stays in use`);
    }
  }

  /** A file that was emptied or cut by mistake must not open what it protects. */
  #refuseOpening({ tls, users }: WebSettings): void {
    const old = this.#tls?.settings;
    if (old !== undefined && tls === undefined) {
      throw this.#fault("tls_server_config was removed; restart the exporter to serve without TLS");
    }
    if (this.passwords.areNeeded && users.size === 0) {
      throw this.#fault("basic_auth_users was removed; restart the exporter to serve without a password");
    }
    if (old === undefined || tls === undefined) return;
    if ([requires, verifies].some((rule) => rule(old.clientAuth) && !rule(tls.clientAuth))) {
      throw this.#fault(
        `tls_server_config.client_auth_type ${tls.clientAuth} accepts more clients than ${old.clientAuth}; restart the exporter to use it`,
      );
    }
    if (old.clientAllowedSans !== undefined && tls.clientAllowedSans === undefined) {
      throw this.#fault(
        "tls_server_config.client_allowed_sans was removed; restart the exporter to accept any name in a certificate",
      );
    }
  }

  #use({ settings, cert, key, clientCa }: Contents): void {
    try {
      this.#tls = settings.tls && new TlsContext(settings.tls, { cert, key, clientCa });
    } catch (error) {
      if (error instanceof WebConfigError) throw this.#fault(error.message);
      throw error;
    }
    this.passwords.setUsers(settings.users);
    this.#headerFields = [...settings.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  }

  async #readContents(): Promise<Contents> {
    try {
      const settings = readWebSettings(await readText(this.#path, "the file"));
      const { tls } = settings;
      if (tls === undefined) return { settings, cert: "", key: "", clientCa: undefined };
      const [cert, key] = await Promise.all([this.#readPem(tls.cert), this.#readPem(tls.key)]);
      return { settings, cert, key, clientCa: tls.clientCa && (await this.#readPem(tls.clientCa)) };
    } catch (error) {
      throw this.#fault((error as Error).message);
    }
  }

  /** A relative path is relative to the configuration file. */
  async #readPem({ key, text, file }: Pem): Promise<string> {
    if (file === undefined) return text!;
    const path = resolve(dirname(this.#path), file);
    return readText(path, `tls_server_config.${key}: ${path}`);
  }

  #fault(message: string): WebConfigError {
    return new WebConfigError(`web configuration ${this.#path}: ${message}`);
  }
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code = "", errno = 0, message } = error as NodeJS.ErrnoException;
    const reason = getSystemErrorMap().get(errno)?.[1] ?? message;
    throw new WebConfigError(`cannot read ${what}: ${reason} (${code})`);
  }
}

/** To compare. JSON has no maps. */
function textOf(found: Contents | WebConfigError): string {
  if (found instanceof WebConfigError) return found.message;
  return JSON.stringify(found, (_, value) => (value instanceof Map ? [...value] : (value as unknown)));
}
