import { afterEach, describe, expect, jest, test } from "bun:test";
import fc from "fast-check";
import { settled } from "../../test/builders/fake-time.ts";
import { Passwords, type Verdict } from "./passwords.ts";

afterEach(() => void jest.useRealTimers());

const ADDRESS = "192.0.2.1";
const CLIENT = { remoteAddress: ADDRESS };

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Users whose hash is `hash of PASSWORD`, and checks that end when they are told to. */
function scene(users: Readonly<Record<string, string>> = { alice: "hash of secret", bob: "hash of b" }) {
  const checks: { readonly password: string; readonly hash: string; finish(): void }[] = [];
  const passwords = new Passwords(async (bytes, hash) => {
    const password = `${Buffer.from(bytes)}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    checks.push({ password, hash, finish: resolve });
    await promise;
    return hash === `hash of ${password}`;
  });
  passwords.setUsers(new Map(Object.entries(users)));
  const check = (user: string, password: string, address = ADDRESS) =>
    passwords.check(basic(user, password), { remoteAddress: address });
  /** Ends the checks as they begin, until the verdict is there. */
  const verdict = async (pending: Verdict | Promise<Verdict>): Promise<Verdict> => {
    let result: Verdict | undefined;
    void Promise.resolve(pending).then((value) => {
      result = value;
    });
    while (result === undefined) {
      for (const { finish } of checks) finish();
      await Bun.sleep(0);
    }
    return result;
  };
  return { passwords, checks, check, verdict };
}

test("without users every request is valid", () => {
  expect(scene({}).passwords.check(undefined, CLIENT)).toBe("valid");
});

test("a password is checked once, whether it is valid or not", async () => {
  const { check, checks, verdict } = scene();
  expect(await verdict(check("alice", "secret"))).toBe("valid");
  expect(await verdict(check("bob", "wrong"))).toBe("invalid");
  expect(check("alice", "secret")).toBe("valid");
  expect(check("bob", "wrong")).toBe("invalid");
  expect(checks).toHaveLength(2);
});

test("the client's address is read only for a password that has to be hashed", async () => {
  const { passwords, verdict } = scene();
  let reads = 0;
  const client = {
    get remoteAddress() {
      reads++;
      return ADDRESS;
    },
  };
  const checkAll = async () => {
    expect(passwords.check(undefined, client)).toBe("invalid");
    expect(await verdict(passwords.check(basic("alice", "secret"), client))).toBe("valid");
  };
  await checkAll();
  expect(reads).toBe(1);
  await checkAll();
  expect(reads).toBe(1);
});

test("a request with the same password waits for the check that runs", async () => {
  const { check, checks, verdict } = scene();
  const verdicts = [check("alice", "secret"), check("alice", "secret")];
  expect(await Promise.all(verdicts.map(verdict))).toEqual(["valid", "valid"]);
  expect(checks).toHaveLength(1);
});

test("a name that does not exist is checked too, always against the same hash, and is never valid", async () => {
  const { check, checks, verdict, passwords } = scene();
  for (const password of ["secret", "b"]) expect(await verdict(check("nobody", password))).toBe("invalid");
  expect(checks.map(({ password }) => password)).toEqual(["secret", "b"]);
  expect(new Set(checks.map(({ hash }) => hash)).size).toBe(1);
  passwords.setUsers(new Map([["nobody", "hash of secret"]]));
  expect(await verdict(check("nobody", "secret"))).toBe("valid");
});

test("names that do not exist share out the hashes of those that do", async () => {
  const { check, checks, verdict } = scene();
  for (let index = 0; index < 24; index++) await verdict(check(`nobody ${index}`, "x"));
  expect(new Set(checks.map(({ hash }) => hash))).toEqual(new Set(["hash of secret", "hash of b"]));
});

test("a change of users forgets results, also that of a check that runs; the same users do not", async () => {
  const { check, checks, verdict, passwords } = scene();
  expect(await verdict(check("alice", "secret"))).toBe("valid");
  passwords.setUsers(new Map(Object.entries({ bob: "hash of b", alice: "hash of secret" })));
  expect(check("alice", "secret")).toBe("valid");
  const old = check("bob", "b");
  passwords.setUsers(new Map([["alice", "hash of new"]]));
  expect(await verdict(old)).toBe("valid");
  expect(await verdict(check("bob", "b"))).toBe("invalid");
  expect(await verdict(check("alice", "secret"))).toBe("invalid");
  expect(checks).toHaveLength(4);
});

test("a change of users keeps the results of the others", async () => {
  const { check, checks, verdict, passwords } = scene();
  await verdict(check("bob", "b"));
  await verdict(check("bob", "wrong"));
  passwords.setUsers(new Map(Object.entries({ alice: "hash of new", bob: "hash of b" })));
  expect([check("bob", "b"), check("bob", "wrong")]).toEqual(["valid", "invalid"]);
  expect(checks).toHaveLength(2);
});

describe("checks", () => {
  test("run one at a time, and each address has few", async () => {
    const { check, checks } = scene();
    const verdicts = Array.from({ length: 6 }, (_, index) => check("alice", `wrong ${index}`));
    expect(verdicts.slice(4)).toEqual(["busy", "busy"]);
    expect(verdicts.slice(0, 4).every((verdict) => verdict instanceof Promise)).toBe(true);
    expect(check("alice", "secret", "192.0.2.2")).toBeInstanceOf(Promise);
    await Bun.sleep(1);
    expect(checks).toHaveLength(1);
  });

  test("of all addresses are bounded", () => {
    const { check } = scene();
    const verdicts = Array.from({ length: 17 }, (_, index) => check("alice", "wrong", `192.0.2.${index}`));
    // The same password is one check.
    expect(verdicts.every((verdict) => verdict === verdicts[0])).toBe(true);
    const others = Array.from({ length: 16 }, (_, index) => check("alice", `wrong ${index}`, `192.0.2.${index + 1}`));
    expect(others.filter((verdict) => verdict === "busy")).toHaveLength(1);
  });

  test("of a network with few displace the newest of one with more, and run before those after a wrong password", async () => {
    const { check, checks, verdict } = scene();
    const floods = Array.from({ length: 4 }, (_, network) =>
      Array.from({ length: 4 }, (_, index) => check("alice", `wrong ${network} ${index}`, `192.0.2.${network}`)),
    );
    const late = check("alice", "secret", "192.0.2.9");
    expect(await floods[3]![3]!).toBe("busy");
    expect(await verdict(floods[0]![0]!)).toBe("invalid");
    expect(await verdict(late)).toBe("valid");
    const begun = checks.map(({ password }) => password);
    const firstOfEach = ["wrong 0 0", "wrong 1 0", "wrong 2 0", "wrong 3 0"];
    expect(begun.slice(0, begun.indexOf("secret"))).toEqual(firstOfEach);
  });

  test("after a wrong password are displaced by those of networks without one", async () => {
    const { check, verdict } = scene();
    const flood = (round: string) =>
      Array.from({ length: 16 }, (_, network) => check("alice", `${round} ${network}`, `192.0.2.${network}`));
    for (const pending of flood("first")) expect(await verdict(pending)).toBe("invalid");
    const second = flood("second");
    const late = check("alice", "secret", "192.0.2.99");
    expect(check("alice", "third", "192.0.2.1")).toBe("busy");
    expect(await second[15]!).toBe("busy");
    expect(await verdict(late)).toBe("valid");
  });

  test("of IPv6 are counted by network of 64 bits", () => {
    const { check } = scene();
    const addresses = [
      "2001:db8::1",
      "2001:db8:0:0:8::",
      "2001:db8::ffff",
      "2001:db8::5:6:7:8",
      "2001:db8:0:0:1:2:3:4",
    ];
    const verdicts = addresses.map((address, index) => check("alice", `wrong ${index}`, address));
    expect(verdicts.indexOf("busy")).toBe(4);
    expect(check("alice", "wrong", "2001:db8:0:1::1")).toBeInstanceOf(Promise);
    expect(check("alice", "wrong 9", "::1")).toBeInstanceOf(Promise);
  });

  test("rest after a wrong password for nine times as long as it took", async () => {
    jest.useFakeTimers();
    const begins: number[] = [];
    const passwords = new Passwords(async () => {
      begins.push(performance.now());
      await Bun.sleep(20);
      return false;
    });
    passwords.setUsers(new Map([["alice", "hash"]]));
    const verdicts = ["1", "2"].map((password) => passwords.check(basic("alice", password), CLIENT));
    await settled(Promise.all(verdicts));
    expect(begins[1]! - begins[0]!).toBe(200);
  });

  test("that fail are invalid", async () => {
    const passwords = new Passwords(() => Promise.reject(new Error("no memory")));
    passwords.setUsers(new Map([["alice", "hash"]]));
    expect(await passwords.check(basic("alice", "a"), CLIENT)).toBe("invalid");
  });
});

test("hashes of htpasswd and others: prefix, and the first 72 bytes", async () => {
  const password = "ä".repeat(40);
  const hash = await Bun.password.hash(Buffer.from(password).subarray(0, 72), { algorithm: "bcrypt", cost: 4 });
  for (const prefix of ["$2y$", "$2a$", "$2b$"]) {
    const passwords = new Passwords();
    passwords.setUsers(new Map([["älice", hash.replace("$2b$", prefix)]]));
    expect(await passwords.check(basic("älice", `${password} and more`), CLIENT)).toBe("valid");
    expect(await passwords.check(basic("älice", "ä"), CLIENT)).toBe("invalid");
  }
});

describe("what is no name and password is invalid without a check", () => {
  test.each([
    undefined,
    "",
    "Basic",
    "Basic ",
    "Basic ====",
    "Basic a",
    "Basic YWxpY2U6c2Vj*mV0",
    "Basic YWxpY2U6c2VjcmV0,Basic YWxpY2U6c2VjcmV0",
    `Basic ${btoa("alice")}`,
    `Basic ${btoa("alice:sec\0ret")}`,
    `Basic ${btoa("al\nice:secret")}`,
    `Bearer ${btoa("alice:secret")}`,
    `Digest username="alice"`,
    `Basic ${"A".repeat(16_001)}`,
  ])("%p", (authorization) => {
    const { passwords, checks } = scene();
    expect(passwords.check(authorization, CLIENT)).toBe("invalid");
    expect(checks).toHaveLength(0);
  });

  test("the scheme has any case", async () => {
    const { passwords, verdict } = scene();
    expect(await verdict(passwords.check(basic("alice", "secret").replace("Basic", "bAsIC "), CLIENT))).toBe("valid");
  });

  test("nothing throws, and nothing but the password is valid", () => {
    const { passwords } = scene();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `Basic ${text}`),
        ),
        (text) => {
          expect(passwords.check(text, CLIENT)).not.toBe("valid");
        },
      ),
    );
  });
});
