import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { Backlog } from "./backlog.ts";
import { type ClientSocket, HttpConnection } from "./http-connection.ts";
import { Passwords } from "./passwords.ts";
import { ResponseBuffer } from "./response-buffer.ts";

const HOST = "Host: a\r\n";
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const IDLE_MS = 30_000;
const LINGER_MS = 2_000;

interface Scene {
  readonly connection: HttpConnection;
  /** The calls to the socket, in order, except writes. */
  readonly calls: string[];
  /** Turns that the connection waits for. */
  readonly turns: HttpConnection[];
  /** All bytes that the kernel took. */
  received(): string;
  /** Writes so far, also those that took nothing. */
  writes(): number;
  receive(text: string): void;
}

const ALL = 1e9;

interface Circumstances {
  /** How many bytes the kernel takes in a write, -1 if the client has reset the connection; by default all. */
  accept?: () => number;
  /** Shared with another connection. */
  responses?: ResponseBuffer;
  backlog?: Backlog;
  /** Whether the round has no turn left. */
  busy?: boolean;
  passwords?: Passwords;
}

function scene(payload: () => Uint8Array, circumstances: Circumstances = {}): Scene {
  const { accept = () => ALL, responses = new ResponseBuffer(), backlog = new Backlog(), busy = false } = circumstances;
  const { passwords = new Passwords() } = circumstances;
  const calls: string[] = [];
  const turns: HttpConnection[] = [];
  const taken: Buffer[] = [];
  let writes = 0;
  const note = (call: string) => {
    calls.push(call);
    return 0;
  };
  const socket: ClientSocket = {
    write(data) {
      writes++;
      const bytes = data as Uint8Array;
      const count = accept();
      if (count < 0) return count;
      const piece = Buffer.from(bytes.subarray(0, count));
      taken.push(piece);
      return piece.length;
    },
    pause: () => note("pause"),
    resume: () => note("resume"),
    shutdown: () => note("shutdown"),
    close: () => note("close"),
    terminate: () => note("terminate"),
    remoteAddress: "192.0.2.1",
  };
  const connection = new HttpConnection(socket, {
    payload,
    passwords,
    responses,
    backlog,
    turns: { takeNow: () => !busy, add: (connection) => turns.push(connection) },
    idleTimeoutMs: IDLE_MS,
    lingerTimeoutMs: LINGER_MS,
  });
  return {
    connection,
    calls,
    turns,
    received: () => Buffer.concat(taken).toString("latin1"),
    writes: () => writes,
    receive: (text) => connection.receive(Buffer.from(text)),
  };
}

/** Payloads of `sizeBytes` bytes that contain their number: 0, 1, 2 … */
function numbered(sizeBytes = 8): () => Uint8Array {
  let number = 0;
  return () => Buffer.from(`<${number++}>`.padEnd(sizeBytes, "."));
}

function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(/<(\d+)>/g), (match) => Number(match[1]));
}

function withoutDate(text: string): string {
  return text.replaceAll(/Date: .*/g, "");
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

describe("a turn", () => {
  test("answers a few pipelined requests in one write", () => {
    const { receive, received, writes, calls } = scene(numbered());
    receive(GET.repeat(5));
    expect(numbersIn(received())).toEqual(upTo(5));
    expect(writes()).toBe(1);
    expect(calls).toEqual([]);
  });

  test("of a flood is 16 responses; the rest waits, paused, for later turns", () => {
    const { receive, received, writes, calls, turns } = scene(numbered());
    receive(GET.repeat(40));
    expect(numbersIn(received())).toHaveLength(16);
    expect(calls).toEqual(["pause"]);
    while (turns.length > 0) turns.shift()?.takeTurn();
    expect(numbersIn(received())).toEqual(upTo(40));
    expect(writes()).toBe(3);
    expect(calls).toEqual(["pause", "resume"]);
  });

  test.each(["GET", "HEAD"])("ends at 16 KiB of payload, %s", (method) => {
    const payload = numbered(10_000);
    let rendered = 0;
    const { receive, turns } = scene(() => {
      rendered++;
      return payload();
    });
    receive(`${method} / HTTP/1.1\r\n${HOST}\r\n`.repeat(5));
    expect(rendered).toBe(2);
    expect(turns).toHaveLength(1);
  });

  test("reads 8 KiB, even when they hold no whole request", () => {
    const { receive, received, calls, turns } = scene(numbered());
    const chunks = "1\r\nx\r\n".repeat(5000);
    receive(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    let count = 1;
    for (; turns.length > 0; count++) turns.shift()?.takeTurn();
    expect(count).toBe(Math.ceil(chunks.length / 8192));
    expect(numbersIn(received())).toEqual([0]);
    expect(calls).toEqual(["pause", "resume"]);
  });

  test("comes in a later round if this one has none left, and the connection waits paused", () => {
    const { receive, received, calls, turns } = scene(numbered(), { busy: true });
    receive(GET);
    receive(GET);
    expect(received()).toBe("");
    expect(turns).toHaveLength(1);
    turns.shift()?.takeTurn();
    expect(numbersIn(received())).toEqual([0, 1]);
    expect(calls).toEqual(["pause", "resume"]);
  });

  test("of a closed connection does nothing", () => {
    const { connection, receive, writes, turns } = scene(numbered());
    receive(GET.repeat(40));
    connection.closed();
    turns.shift()?.takeTurn();
    expect(writes()).toBe(1);
  });
});

test("connections with large requests are closed, the longest without a turn first, if they hold too much", () => {
  const backlog = new Backlog(90_000);
  const body = `POST / HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n${"x".repeat(40_000)}`;
  const scenes = [0, 1, 2, 3].map(() => scene(numbered(), { busy: true, backlog }));
  const [small, first, second, third] = scenes as [Scene, Scene, Scene, Scene];
  small.receive(GET);
  first.receive(body);
  second.receive(body);
  first.turns.shift()?.takeTurn();
  third.receive(body);
  expect(scenes.map(({ calls }) => calls)).toEqual([["pause"], ["pause"], ["pause", "terminate"], ["pause"]]);
  small.turns.shift()?.takeTurn();
  expect(numbersIn(small.received())).toEqual([0]);
});

describe("a reader that stops", () => {
  test("gets no further page until it reads", () => {
    let open = false;
    const { connection, receive, received, calls, turns } = scene(numbered(100_000), {
      accept: () => (open ? ALL : 0),
    });
    receive(GET.repeat(3));
    connection.drain();
    expect(calls).toEqual(["pause"]);
    expect(turns).toEqual([]);
    open = true;
    connection.drain();
    while (turns.length > 0) turns.shift()?.takeTurn();
    expect(numbersIn(received())).toEqual(upTo(3));
    expect(calls).toEqual(["pause", "resume"]);
  });

  test("may have sent requests before the pause; they wait too", () => {
    let accepted = 10;
    const { connection, receive, received, calls, turns } = scene(numbered(), { accept: () => accepted });
    receive(GET);
    receive(GET);
    accepted = ALL;
    connection.drain();
    receive(GET);
    expect(numbersIn(received())).toEqual([0]);
    turns.shift()?.takeTurn();
    expect(numbersIn(received())).toEqual([0, 1, 2]);
    expect(calls).toEqual(["pause", "resume"]);
  });

  test("is closed if slow readers hold too much and it has read nothing for the longest time", () => {
    const backlog = new Backlog(2500);
    const accepts = [100, 100, 100];
    const readers = accepts.map((_, i) => scene(numbered(1000), { accept: () => accepts[i]!, backlog }));
    const [first, second, third] = readers as [Scene, Scene, Scene];
    first.receive(GET);
    second.receive(GET);
    first.connection.drain();
    accepts[0] = 0;
    third.receive(GET);
    first.connection.drain();
    expect(readers.map(({ calls }) => calls)).toEqual([["pause"], ["pause", "terminate"], ["pause"]]);
    second.connection.closed();

    // Once everything is read, nothing is held.
    accepts[0] = ALL;
    first.connection.drain();
    expect(numbersIn(first.received())).toEqual([0]);
    second.receive(GET);
    const fourth = scene(numbered(1000), { accept: () => 0, backlog });
    fourth.receive(GET);
    expect(third.calls).toEqual(["pause"]);
    expect(fourth.calls).toEqual(["pause"]);
  });

  test("gets its own bytes although others are answered meanwhile", () => {
    const responses = new ResponseBuffer();
    const slow = scene(numbered(1000), { accept: () => 300, responses });
    const other = scene(() => Buffer.alloc(2000, "x"), { responses });
    slow.receive(GET);
    while (!slow.calls.includes("resume")) {
      other.receive(GET);
      slow.connection.drain();
    }
    expect(slow.received()).toEndWith(`<0>${".".repeat(997)}`);
  });
});

test("the responses are the same and in order, whatever the kernel takes and whenever turns come", () => {
  const script = fc.array(fc.oneof(fc.constant(0), fc.nat(400), fc.constant(ALL)), { maxLength: 60 });
  fc.assert(
    fc.property(script, fc.integer({ min: 1, max: 50 }), (accepts, count) => {
      const atOnce = scene(numbered(100));
      const piecemeal = scene(numbered(100), { accept: () => accepts.shift() ?? ALL });
      for (const { receive, connection, turns } of [atOnce, piecemeal]) {
        receive(GET.repeat(count));
        for (let round = 0; round < 100; round++) {
          connection.drain();
          turns.shift()?.takeTurn();
        }
      }
      expect(numbersIn(piecemeal.received())).toEqual(upTo(count));
      expect(withoutDate(piecemeal.received())).toBe(withoutDate(atOnce.received()));
    }),
    { numRuns: 100 },
  );
});

describe("time", () => {
  let now = 0;
  let clock: ReturnType<typeof spyOn>;
  beforeEach(() => {
    now = 0;
    clock = spyOn(performance, "now").mockImplementation(() => now);
  });
  afterEach(() => clock.mockRestore());

  /** The second in which the connection was closed, if `everySecond` is called each second. */
  function secondOfClose({ connection, calls }: Scene, everySecond: (second: number) => void): number {
    for (let second = 1; second < 1000; second++) {
      now = second * 1000;
      everySecond(second);
      connection.closeIfOverdue(now);
      if (calls.includes("close") || calls.includes("terminate")) return second;
    }
    return Number.POSITIVE_INFINITY;
  }

  test("a silent client is closed", () => {
    expect(secondOfClose(scene(numbered()), () => {})).toBe(30);
  });

  test("the timeout of a request runs from its first byte, however it drips", () => {
    const client = scene(numbered());
    expect(secondOfClose(client, (second) => second > 10 && client.receive("x"))).toBe(11 + 30);
  });

  test("a body has no timeout of its own", () => {
    const client = scene(numbered());
    client.receive(`POST / HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n`);
    expect(secondOfClose(client, () => client.receive("x"))).toBe(30);
  });

  test("each response restarts the timeout", () => {
    const client = scene(numbered());
    expect(secondOfClose(client, (second) => second % 20 === 0 && second <= 100 && client.receive(GET))).toBe(100 + 30);
  });

  test("a reader that stops is closed, a slow one is not", () => {
    let accepted = 0;
    const stopped = scene(numbered(), { accept: () => accepted });
    stopped.receive(GET);
    expect(secondOfClose(stopped, () => stopped.connection.drain())).toBe(30);
    expect(stopped.calls).toEqual(["pause", "terminate"]);

    now = 0;
    accepted = 1;
    const slow = scene(numbered(200), { accept: () => accepted });
    slow.receive(GET);
    expect(secondOfClose(slow, () => slow.connection.drain())).toBeGreaterThan(200);
    expect(slow.calls).toEqual(["pause", "resume", "close"]);
  });
});

describe("closing", () => {
  test.each([0, 10])("at once, if a write fails after %p bytes: no event follows", (accepted) => {
    const accepts = [accepted, -1];
    const { connection, receive, received, calls } = scene(numbered(), { accept: () => accepts.shift()! });
    receive(GET);
    connection.drain();
    expect(received()).toHaveLength(accepted);
    expect(calls).toEqual(["pause", "terminate"]);
  });

  test("at once, if the first write of a turn fails", () => {
    const { receive, calls } = scene(numbered(), { accept: () => -1 });
    receive(GET);
    expect(calls).toEqual(["terminate"]);
  });

  test("after the last response: FIN, then input is discarded for a time", () => {
    const { connection, receive, received, calls } = scene(numbered());
    receive(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n${GET}`);
    receive(GET);
    expect(numbersIn(received())).toEqual([0]);
    expect(calls).toEqual(["shutdown"]);
    connection.closeIfOverdue(performance.now() + LINGER_MS);
    expect(calls).toEqual(["shutdown", "close"]);
  });

  test("only once the kernel has taken the last response", () => {
    let accepted = 5;
    const { connection, receive, calls } = scene(numbered(), { accept: () => accepted });
    receive("nonsense\r\n");
    expect(calls).toEqual(["pause"]);
    accepted = ALL;
    connection.drain();
    expect(calls).toEqual(["pause", "shutdown", "resume"]);
  });

  test("a client that sent its FIN gets all responses first", () => {
    const { connection, receive, received, calls, turns } = scene(numbered());
    receive(GET.repeat(20));
    connection.endInput();
    expect(calls).toEqual(["pause"]);
    turns.shift()?.takeTurn();
    expect(numbersIn(received())).toEqual(upTo(20));
    expect(calls).toEqual(["pause", "close"]);
  });

  test("a FIN in the middle of a request closes", () => {
    const { connection, receive, received, calls } = scene(numbered());
    receive("GET / HT");
    connection.endInput();
    expect(received()).toBe("");
    expect(calls).toEqual(["close"]);
  });
});

test("a payload that throws: 500 after the responses before it, and close", () => {
  const payload = numbered();
  let left = 2;
  const { receive, received, calls } = scene(() => {
    if (left-- === 0) throw new Error("out of cells");
    return payload();
  });
  receive(GET.repeat(4));
  expect(numbersIn(received())).toEqual([0, 1]);
  expect(received()).toContain("HTTP/1.1 500 Internal Server Error\r\n");
  expect(received()).toEndWith("\r\n\r\npayload failed: out of cells\n");
  expect(calls).toEqual(["shutdown"]);
});

test("a payload that throws for HEAD: 500 without a body", () => {
  const { receive, received } = scene(() => {
    throw new Error("out of cells");
  });
  receive(`HEAD / HTTP/1.1\r\n${HOST}\r\n`);
  expect(received()).toContain("HTTP/1.1 500 ");
  expect(received()).toEndWith("\r\n\r\n");
});

describe("a password that has to be checked", () => {
  const authorized = (password: string) =>
    `GET / HTTP/1.1\r\n${HOST}Authorization: Basic ${btoa(`alice:${password}`)}\r\n\r\n`;

  /** A connection, and the end of the check that runs. */
  function checked(circumstances: Circumstances = {}) {
    let finish = (_isValid: boolean) => {};
    const passwords = new Passwords(
      () =>
        new Promise<boolean>((resolve) => {
          finish = resolve;
        }),
    );
    passwords.setUsers(new Map([["alice", "hash"]]));
    const all = scene(numbered(), { ...circumstances, passwords });
    return {
      ...all,
      async end(isValid: boolean): Promise<void> {
        finish(isValid);
        await Bun.sleep(0);
      },
    };
  }

  test("makes the connection wait paused, and then gets its response before the next request", async () => {
    const { receive, received, calls, turns, end } = checked();
    receive(authorized("a") + authorized("a"));
    expect(received()).toBe("");
    expect(calls).toEqual(["pause"]);
    expect(turns).toHaveLength(0);
    await end(true);
    expect(turns).toHaveLength(1);
    turns[0]!.takeTurn();
    expect(numbersIn(received())).toEqual([0, 1]);
    expect(calls).toEqual(["pause", "resume"]);
  });

  test("gets 401 if it is wrong, and the connection ends; likewise without a password", async () => {
    const { receive, received, calls, turns, end } = checked();
    receive(authorized("a") + authorized("a"));
    await end(false);
    turns[0]!.takeTurn();
    expect(received()).toStartWith("HTTP/1.1 401 Unauthorized\r\n");
    expect(received()).toContain("\r\nWWW-Authenticate: Basic ");
    expect(received().split("HTTP/1.1")).toHaveLength(2);
    expect(calls).toEqual(["pause", "shutdown", "resume"]);
    const without = checked();
    without.receive(GET);
    expect(without.received()).toStartWith("HTTP/1.1 401 Unauthorized\r\n");
  });

  test("gets 429 if too many others wait", () => {
    const passwords = new Passwords(() => new Promise(() => {}));
    passwords.setUsers(new Map([["alice", "hash"]]));
    for (let index = 0; index < 20; index++)
      passwords.check(`Basic ${btoa(`alice:${index}`)}`, { remoteAddress: "192.0.2.1" });
    const { receive, received } = scene(numbered(), { passwords });
    receive(authorized("a"));
    expect(received()).toStartWith("HTTP/1.1 429 Too Many Requests\r\n");
    expect(received()).toContain("\r\nRetry-After: ");
  });

  test("waits until a slow reader has what came before it", async () => {
    let accepts = ALL;
    const { connection, receive, received, turns, end } = checked({ accept: () => accepts });
    receive(authorized("a"));
    await end(true);
    turns.shift()!.takeTurn();
    accepts = 10;
    receive(authorized("a") + authorized("b"));
    await end(true);
    expect(turns).toHaveLength(0); // still writing
    accepts = ALL;
    connection.drain();
    expect(turns).toHaveLength(1);
    turns.shift()!.takeTurn();
    expect(numbersIn(received())).toEqual([0, 1, 2]);
  });

  test("does not matter once the connection is closed", async () => {
    const { connection, receive, received, turns, end } = checked();
    receive(authorized("a"));
    connection.closed();
    await end(true);
    expect(turns).toHaveLength(0);
    expect(received()).toBe("");
  });

  test("is still answered if the client has sent its FIN", async () => {
    const { connection, receive, received, calls, turns, end } = checked();
    receive(authorized("a"));
    connection.endInput();
    await end(true);
    turns[0]!.takeTurn();
    expect(numbersIn(received())).toEqual([0]);
    expect(calls).toEqual(["pause", "close"]);
  });
});
