// Passwords of HTTP's Basic authentication (RFC 7617): whether a request has a valid one. Hashing is slow on purpose, so it is
// done on another thread, one at a time, and its results are remembered.

/** `busy`: too many others wait for their check; the client may try again. */
export type Verdict = "valid" | "invalid" | "busy";

/** Whether a password has this bcrypt hash. */
export type VerifyHash = (password: Uint8Array, hash: string) => Promise<boolean>;

/** Checks that wait at once, of all clients and of one network. A network that has fewer displaces one that has more. */
const MAX_WAITING = 16;
const MAX_WAITING_OF_NETWORK = 4;

/** After a wrong password, checks rest for so many times as long as it took: guessing takes a tenth of a core at most. */
const REST_FACTOR = 9;

/** Wrong passwords, and networks of the last ones. A Prometheus with a wrong password sends it at each scrape. */
const MAX_REMEMBERED_INVALID = 256;

/** bcrypt reads no more; Bun hashes a longer password first, which other programs do not. */
const MAX_PASSWORD_BYTES = 72;

/** A socket. Bun has no address of a client that has reset the connection. */
interface Client {
  readonly remoteAddress: string | undefined;
}

interface Credentials {
  readonly user: string;
  readonly password: Uint8Array;
}

interface Check {
  readonly key: string;
  readonly network: string;
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
  /** HMAC → user. */
  #valid = new Map<string, string>();
  #invalid = new Map<string, string>();
  /** Networks whose last password was wrong. */
  readonly #failed = new Map<string, true>();
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

  /** Name → bcrypt hash; without any, every request is valid. Forgets the results of users that change. */
  setUsers(users: ReadonlyMap<string, string>): void {
    const unchanged = (results: ReadonlyMap<string, string>) =>
      new Map([...results].filter(([, user]) => users.get(user) === this.#users.get(user)));
    // New maps: a check that runs remembers its result in the old ones.
    this.#valid = unchanged(this.#valid);
    this.#invalid = unchanged(this.#invalid);
    this.#users = users;
  }

  /**
   * Whether the value of a request's Authorization field is valid. A promise if it has to be hashed, which the client's network
   * is allowed a few times at once; it never rejects. The client's address is read only then, because that is a system call.
   */
  check(authorization: string | undefined, client: Client): Verdict | Promise<Verdict> {
    if (!this.areNeeded) return "valid";
    const credentials = readCredentials(authorization);
    if (credentials === undefined) return "invalid";
    const key = this.#keyOf(credentials);
    if (this.#valid.has(key)) return "valid";
    if (this.#invalid.has(key)) return "invalid";
    return this.#checks.find((check) => check.key === key)?.verdict ?? this.#add(key, networkOf(client), credentials);
  }

  #keyOf({ user, password }: Credentials): string {
    // A name has no NUL, so no two pairs are the same text.
    return new Bun.CryptoHasher("sha256", this.#secret).update(user).update("\0").update(password).digest("base64");
  }

  #add(key: string, network: string, credentials: Credentials): Verdict | Promise<Verdict> {
    if (this.#waitingOf(network) >= MAX_WAITING_OF_NETWORK) return "busy";
    if (this.#checks.length >= MAX_WAITING && !this.#displace(this.#rank(network) + 1)) return "busy";
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const [valid, invalid] = [this.#valid, this.#invalid];
    const run = async (): Promise<boolean> => {
      const isValid = await this.#isValid(credentials);
      if (isValid) valid.set(key, credentials.user);
      else remember(invalid, key, credentials.user);
      this.#failed.delete(network);
      if (!isValid) remember(this.#failed, network, true);
      return isValid;
    };
    this.#checks.push({ key, network, run, settle: resolve, verdict: promise });
    if (!this.#isRunning) void this.#runAll();
    return promise;
  }

  #waitingOf(network: string): number {
    return this.#checks.filter((check) => check.network === network).length;
  }

  /** A network with a higher rank loses its checks to one with a lower rank: after a wrong password, then by their number. */
  #rank(network: string): number {
    return this.#waitingOf(network) + (this.#failed.has(network) ? MAX_WAITING_OF_NETWORK : 0);
  }

  /** Drops the newest check of the highest rank, if that is above `rank`. False if there is none. */
  #displace(rank: number): boolean {
    const waiting = this.#checks.slice(1);
    const highest = Math.max(...waiting.map(({ network }) => this.#rank(network)));
    if (highest <= rank) return false;
    const dropped = waiting.findLast(({ network }) => this.#rank(network) === highest)!;
    this.#checks.splice(this.#checks.indexOf(dropped), 1);
    dropped.settle("busy");
    return true;
  }

  /** Moves the next check to the front: the oldest one of a network without a wrong password, else the oldest one. */
  #next(): Check | undefined {
    const index = this.#checks.findIndex(({ network }) => !this.#failed.has(network));
    if (index > 0) this.#checks.unshift(...this.#checks.splice(index, 1));
    return this.#checks[0];
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    for (let check = this.#next(); check !== undefined; check = this.#next()) {
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

function remember<T>(results: Map<string, T>, key: string, value: T): void {
  if (results.size >= MAX_REMEMBERED_INVALID) results.delete(results.keys().next().value!);
  results.set(key, value);
}

/** The first 64 bits of an IPv6 address, because a host may choose the others (RFC 4291 2.5.4); or the IPv4 address. */
function networkOf({ remoteAddress: address = "" }: Client): string {
  if (address.includes(".") || !address.includes(":")) return address;
  const [head, tail] = address.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = tail === undefined ? [] : Array<string>(8 - head!.length - tail.length).fill("0");
  return [...head!, ...zeros, ...(tail ?? [])].slice(0, 4).join(":");
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
