// Runs Nix without a network, a daemon or a store of the machine's: everything it writes goes to a folder of the test's.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** False where Debian's nix-bin, or another Nix, is not installed. */
export const hasNix = Bun.which("nix-instantiate") !== null && Bun.which("nix") !== null;

/** The folder of a real nixpkgs, where NIX_PATH names one. */
export const nixpkgs = hasNix ? findNixpkgs() : undefined;

export class Nix implements Disposable {
  /** Below it is all that this Nix reads and writes. */
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

  /** Standard output of a command. Throws what the command says when it fails. */
  run(...command: string[]): string {
    const { success, stdout, stderr } = Bun.spawnSync(command, { env: this.#environment, stdin: "ignore" });
    if (!success) throw new Error(stderr.toString());
    return stdout.toString();
  }

  /** The value of an expression, with nothing of it left unevaluated. */
  evaluate<T>(expression: string): T {
    const flags = ["--eval", "--strict", "--json", "--read-write-mode"];
    return JSON.parse(this.run("nix-instantiate", ...flags, "--expr", expression));
  }

  [Symbol.dispose](): void {
    // What is in a store is read-only.
    Bun.spawnSync(["chmod", "-R", "u+w", this.folder]);
    Bun.spawnSync(["rm", "-rf", this.folder]);
  }
}

function findNixpkgs(): string | undefined {
  const found = Bun.spawnSync(["nix-instantiate", "--find-file", "nixpkgs"], { stderr: "ignore" });
  return found.success ? found.stdout.toString().trim() : undefined;
}
