// Passwords of HTTP's Basic authentication (RFC 7617): whether a request has a valid one. Hashing is slow on purpose, so it is
// done on another thread, one at a time, and its results are remembered.

/** `busy`: too many others wait for their check; the client may try again. */
export type Verdict = "valid" | "invalid" | "busy";

/** Whether a password has this bcrypt hash. */
export type VerifyHash = (password: Uint8Array, hash: string) => Promise<boolean>;

/** Checks that wait at once, of all clients and of one address: another address gets its check under a flood. */
const MAX_WAITING = 16;
const MAX_WAITING_OF_ADDRESS = 4;

/** After a wrong password, checks rest for so many times as long as it took: guessing takes a tenth of a core at most. */
const REST_FACTOR = 9;

/** Wrong passwords remembered: a Prometheus with a wrong one sends it at each scrape. */
const MAX_REMEMBERED_INVALID = 256;

/** bcrypt reads no more; Bun hashes a longer password first, which other programs do not. */
const MAX_PASSWORD_BYTES = 72;

interface Credentials {
  readonly user: string;
  readonly password: Uint8Array;
}

interface Check {
  readonly key: string;
  readonly address: string;
  readonly run: () => Promise<boolean>;
  readonly settle: (verdict: Verdict) => void;
  readonly verdict: Promise<Verdict>;
}

export class Passwords {
  readonly #verifyHash: VerifyHash;
  /** Name → bcrypt hash. */
  #users: ReadonlyMap<string, string> = new Map();
  /** Of the HMAC of what is remembered, so that memory and timing say nothing about passwords. */
  readonly #secret = crypto.getRandomValues(new Uint8Array(32));
  #valid = new Set<string>();
  #invalid = new Set<string>();
  /** The first one runs; emptied one by one. */
  readonly #checks: Check[] = [];
  #isRunning = false;

  constructor(verifyHash: VerifyHash = (password, hash) => Bun.password.verify(password, hash, "bcrypt")) {
    this.#verifyHash = verifyHash;
  }

  /** Whether a request needs a password. */
  get areNeeded(): boolean {
    return this.#users.size > 0;
  }

  /** Name → bcrypt hash; without any, every request is valid. Forgets results if they change. */
  setUsers(users: ReadonlyMap<string, string>): void {
    const isSame =
      users.size === this.#users.size && [...users].every(([user, hash]) => this.#users.get(user) === hash);
    if (isSame) return;
    this.#users = users;
    // New sets: a check that runs remembers its result in the old ones.
    this.#valid = new Set();
    this.#invalid = new Set();
  }

  /**
   * Whether the value of a request's Authorization field is valid. A promise if it has to be hashed, which `address`, the
   * client's, is allowed a few times at once; it never rejects.
   */
  check(authorization: string | undefined, address: string): Verdict | Promise<Verdict> {
    if (!this.areNeeded) return "valid";
    const credentials = readCredentials(authorization);
    if (credentials === undefined) return "invalid";
    const key = this.#keyOf(credentials);
    if (this.#valid.has(key)) return "valid";
    if (this.#invalid.has(key)) return "invalid";
    return this.#checks.find((check) => check.key === key)?.verdict ?? this.#add(key, address, credentials);
  }

  #keyOf({ user, password }: Credentials): string {
    // A name has no NUL, so no two pairs are the same text.
    return new Bun.CryptoHasher("sha256", this.#secret).update(user).update("\0").update(password).digest("base64");
  }

  #add(key: string, address: string, credentials: Credentials): Verdict | Promise<Verdict> {
    const ofAddress = this.#checks.filter((check) => check.address === address).length;
    if (this.#checks.length >= MAX_WAITING || ofAddress >= MAX_WAITING_OF_ADDRESS) return "busy";
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const [valid, invalid] = [this.#valid, this.#invalid];
    const run = async (): Promise<boolean> => {
      const isValid = await this.#isValid(credentials);
      if (isValid) valid.add(key);
      else remember(invalid, key);
      return isValid;
    };
    this.#checks.push({ key, address, run, settle: resolve, verdict: promise });
    if (!this.#isRunning) void this.#runAll();
    return promise;
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    for (let check = this.#checks[0]; check !== undefined; check = this.#checks[0]) {
      const begin = performance.now();
      const isValid = await check.run();
      this.#checks.shift();
      check.settle(isValid ? "valid" : "invalid");
      if (!isValid) await Bun.sleep((performance.now() - begin) * REST_FACTOR);
    }
    this.#isRunning = false;
  }

  async #isValid({ user, password }: Credentials): Promise<boolean> {
    const hash = this.#users.get(user);
    try {
      return (await this.#verifyHash(password, hash ?? this.#hashOfAnother(user))) && hash !== undefined;
    } catch {
      return false;
    }
  }

  /** For a name that does not exist: the check takes as long as that of one that does, and always as long for one name. */
  #hashOfAnother(user: string): string {
    const hashes = [...this.#users.values()];
    const digest = new Bun.CryptoHasher("sha256", this.#secret).update(user).digest();
    return hashes[digest.readUInt32LE() % hashes.length]!;
  }
}

function remember(keys: Set<string>, key: string): void {
  if (keys.size >= MAX_REMEMBERED_INVALID) keys.delete(keys.values().next().value!);
  keys.add(key);
}

/** `Basic BASE64(user:password)` (RFC 7617 2); undefined if it is anything else, or has control characters. */
function readCredentials(authorization: string | undefined): Credentials | undefined {
  const token = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "")?.[1];
  if (token === undefined || token.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(token, "base64");
  const colon = bytes.indexOf(":");
  if (colon < 0 || bytes.some((byte) => byte < 0x20 || byte === 0x7f)) return undefined;
  return {
    user: bytes.toString("utf8", 0, colon),
    password: new Uint8Array(bytes.subarray(colon + 1, colon + 1 + MAX_PASSWORD_BYTES)),
  };
}
