// Runs Nix without a network, a daemon or the machine's store: it writes only to a temporary folder.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lacking } from "../skipped.ts";

/** Why tests are skipped without Debian's nix-bin or another Nix. */
export const noNix = lacking("nix", "nix-instantiate");

/** The folder of the nixpkgs that NIX_PATH names. */
export const nixpkgs = noNix === "" ? findNixpkgs() : undefined;

export class Nix implements Disposable {
  /** This Nix reads and writes only here. */
  readonly folder = mkdtempSync(join(tmpdir(), "bitcoind-ipc-exporter-nix-"));
  readonly #environment = {
    ...process.env,
    NIX_STORE_DIR: join(this.folder, "store"),
    NIX_STATE_DIR: join(this.folder, "state"),
    NIX_LOG_DIR: join(this.folder, "log"),
    NIX_CONF_DIR: join(this.folder, "conf"),
    NIX_LOCALSTATE_DIR: join(this.folder, "var"),
    NIX_REMOTE: "",
    NIX_CONFIG: [
      "experimental-features = nix-command flakes",
      "sandbox = false",
      "build-users-group =",
      "substituters =",
      "flake-registry =",
    ].join("\n"),
    XDG_CACHE_HOME: join(this.folder, "cache"),
  };

  /** The standard output of a command. Throws its error output when it fails. */
  run(...command: string[]): string {
    const { success, stdout, stderr } = Bun.spawnSync(command, { env: this.#environment, stdin: "ignore" });
    if (!success) throw new Error(stderr.toString());
    return stdout.toString();
  }

  /** The value of an expression, evaluated completely. */
  evaluate<T>(expression: string): T {
    const flags = ["--eval", "--strict", "--json", "--read-write-mode"];
    return JSON.parse(this.run("nix-instantiate", ...flags, "--expr", expression));
  }

  [Symbol.dispose](): void {
    // Files in a store are read-only.
    Bun.spawnSync(["chmod", "-R", "u+w", this.folder]);
    Bun.spawnSync(["rm", "-rf", this.folder]);
  }
}

function findNixpkgs(): string | undefined {
  const found = Bun.spawnSync(["nix-instantiate", "--find-file", "nixpkgs"], { stderr: "ignore" });
  return found.success ? found.stdout.toString().trim() : undefined;
}
