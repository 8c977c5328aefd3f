import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Request, RequestError } from "./request-head.ts";
import { MAX_HEAD_BYTES, RequestParser } from "./request-parser.ts";

type Outcome = Request | "continue" | { status: number; message: string };

/** All that a parser makes of the pieces, up to the first error. */
function parse(...pieces: (Buffer | string)[]): Outcome[] {
  const parser = new RequestParser();
  const outcomes: Outcome[] = [];
  for (const piece of pieces) {
    parser.feed(Buffer.from(piece as Buffer));
    try {
      for (let found = parser.next(); found !== undefined; found = parser.next()) outcomes.push(found);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return [...outcomes, { status: error.status, message: error.message }];
    }
  }
  return outcomes;
}

function statusOf(bytes: Buffer | string): number | undefined {
  const last = parse(bytes).at(-1);
  return typeof last === "object" && "status" in last ? last.status : undefined;
}

function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

function cut(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const ends = positions.map((position) => position % (bytes.length + 1)).sort((a, b) => a - b);
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const GET: Request = { isHead: false, acceptsGzip: false, authorization: undefined, persistence: "implied" };

describe("a request in one piece", () => {
  test("a plain one", () => {
    expect(parse("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")).toEqual([
      { ...GET, acceptsGzip: true },
    ]);
  });

  test("with bare line feeds, after empty lines", () => {
    expect(parse("\r\n\n\r\nGET / HTTP/1.1\nHost:\n\n")).toEqual([GET]);
  });

  test("an incomplete one is not returned", () => {
    expect(parse("GET / HTTP/1.1\r\nHost: a\r\n")).toEqual([]);
    expect(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")).toEqual([]);
    expect(parse("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")).toEqual([]);
  });

  test("a body that looks like a request is skipped", () => {
    const body = "GET / HTTP/1.0\r\n\r\n";
    expect(
      parse(
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n`,
      ),
    ).toEqual([GET, { ...GET, isHead: true }]);
  });

  test("chunks, their extensions and trailers are skipped", () => {
    const chunks = '5;a=b\r\nhello\r\nA ;x="y"\r\n0123456789\r\n0000\r\nExpires: never\r\nX: y\r\n\r\n';
    expect(
      parse(
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}GET / HTTP/1.1\r\nHost: a\r\n\r\n`,
      ),
    ).toEqual([GET, GET]);
  });

  test("100-continue is announced before a body, and only before one", () => {
    expect(parse("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")).toEqual([
      "continue",
    ]);
    expect(parse("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")).toEqual([
      "continue",
      GET,
    ]);
    expect(parse("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")).toEqual([GET]);
  });
});

describe("refused", () => {
  test.each([
    ["a control character", "GET /\x00 HTTP/1.1\r\n\r\n", 400],
    ["a control character in a line that does not end", "GET /\x01", 400],
    ["DEL in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400],
    ["a carriage return inside a line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400],
    ["a second carriage return", "GET / HTTP/1.1\r\r\n\r\n", 400],
    ["a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400],
    ["the http/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["a later version", "GET / HTTP/2.0\r\n", 505],
    ["a chunk size that is none", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400],
    ["an empty chunk size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400],
    [
      "a chunk size beyond all",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
      400,
    ],
    [
      "a chunk longer than its size",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
      400,
    ],
    ["a trailer that is no field", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nabc\r\n", 400],
  ])("%s", (_, bytes, status) => {
    expect(statusOf(bytes)).toBe(status);
  });

  test("a TLS ClientHello, from its first byte", () => {
    expect(statusOf(Buffer.from([0x16]))).toBe(400);
  });

  test("requests before the error are found", () => {
    expect(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n")).toMatchObject([GET, { status: 400 }]);
  });
});

describe("limits", () => {
  const line = "GET / HTTP/1.1\r\nHost: a\r\n";
  const pad = (sizeBytes: number) => `X: ${"x".repeat(sizeBytes - "X: \r\n".length)}\r\n`;

  test("a head of the maximum size is accepted", () => {
    expect(parse(`${line + pad(MAX_HEAD_BYTES - line.length - 2)}\r\n`)).toEqual([GET]);
  });

  test("a head one byte longer is refused at that byte", () => {
    expect(statusOf(`${line + pad(MAX_HEAD_BYTES - line.length - 1)}\r\n`)).toBe(431);
    expect(statusOf("x".repeat(MAX_HEAD_BYTES))).toBe(431);
    expect(statusOf("x".repeat(MAX_HEAD_BYTES - 1))).toBeUndefined();
  });

  test("each head has its own allowance", () => {
    const head = `${line + pad(MAX_HEAD_BYTES - line.length - 2)}\r\n`;
    expect(parse(head.repeat(3))).toEqual([GET, GET, GET]);
  });

  test("empty lines before a head, a chunk-size line and trailers are limited too", () => {
    const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(statusOf("\r\n".repeat(MAX_HEAD_BYTES / 2))).toBe(431);
    expect(statusOf(`${chunked}1;${"x".repeat(MAX_HEAD_BYTES)}`)).toBe(431);
    expect(statusOf(`${chunked}0\r\n${pad(1000).repeat(17)}`)).toBe(431);
    expect(parse(`${chunked}${"1\r\nx\r\n".repeat(MAX_HEAD_BYTES)}0\r\n\r\n`)).toEqual([GET]);
  });
});

describe("garbage is declared", () => {
  const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

  function garbageBytes(...pieces: string[]): number {
    const parser = new RequestParser();
    parser.feed(Buffer.from(CHUNKED));
    parser.next();
    parser.takeGarbageBytes();
    for (const piece of pieces) {
      parser.feed(Buffer.from(piece));
      parser.next();
    }
    const bytes = parser.takeGarbageBytes();
    expect(parser.takeGarbageBytes()).toBe(0);
    return bytes;
  }

  test("by the line, not by the byte", () => {
    const large = "x".repeat(4096);
    expect(garbageBytes("1\r\nx\r\n".repeat(1000))).toBeGreaterThan(200 * 1000);
    expect(garbageBytes(`1000\r\n${large}\r\n`)).toBeLessThan(2000);
  });

  test("for a line in pieces, which is copied with each", () => {
    const drip = Array<string>(1000).fill("x");
    expect(garbageBytes("1;", ...drip)).toBeGreaterThan((1000 * 1000) / 2);
  });
});

test("reports whether a request has begun", () => {
  const parser = new RequestParser();
  const begun = [];
  for (const piece of ["G", "ET / HTTP/1.1\r\nHost:\r\n", "Content-Length: 2\r\n\r\n", "a", "b", "\r\n"]) {
    parser.feed(Buffer.from(piece));
    parser.next();
    begun.push(!parser.isBetweenRequests);
  }
  expect(begun).toEqual([true, true, true, true, false, true]);
});

// How the bytes are split must not matter. The sample has every stage.
const SAMPLE = Buffer.from(
  "\r\nGET /metrics HTTP/1.1\r\nHost: localhost:9332\r\nAccept-Encoding: gzip;q=0.5\r\n\r\n" +
    "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-continue\n\nhello" +
    "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" +
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\nd\n0\r\nTrailer: t\r\n\r\n" +
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" +
    "GET / HTTP/9.9\r\n",
);

describe("split anywhere", () => {
  const whole = parse(SAMPLE);

  test("the sample is what it should be", () => {
    expect(whole).toMatchObject([
      { ...GET, acceptsGzip: true },
      "continue",
      GET,
      { isHead: true, persistence: "granted" },
      GET,
      { ...GET, persistence: "close" },
      { status: 505 },
    ]);
  });

  test("in two, at every byte", () => {
    for (let at = 0; at <= SAMPLE.length; at++) {
      expect(parse(SAMPLE.subarray(0, at), SAMPLE.subarray(at))).toEqual(whole);
    }
  });

  test("byte by byte", () => {
    expect(parse(...bytewise(SAMPLE))).toEqual(whole);
  });
});

const eol = fc.constantFrom("\r\n", "\n");
const fieldValue = fc.string({ unit: fc.constantFrom(..." \tabc,:;\xe9"), maxLength: 12 });
const bodyText = fc.string({ unit: fc.constantFrom(..."GET /\r\n0a\x00\xff"), maxLength: 30 });
const positions = fc.array(fc.nat(), { maxLength: 12 });

/** The bytes of a valid request, and what they mean. */
const requestArbitrary = fc
  .record({
    method: fc.constantFrom("GET", "HEAD", "POST", "X-Y"),
    eol,
    emptyLines: fc.nat(2),
    closes: fc.boolean(),
    gzip: fc.boolean(),
    expects: fc.boolean(),
    other: fc.array(fieldValue, { maxLength: 3 }),
    body: fc.oneof(fc.constant(undefined), bodyText, fc.array(bodyText, { maxLength: 3 })),
  })
  .map(({ method, eol, emptyLines, closes, gzip, expects, other, body }) => {
    const fields = ["Host: a", ...other.map((value, index) => `X-${index}:${value}`)];
    if (closes) fields.push("Connection: close");
    if (gzip) fields.push("accept-encoding:gzip");
    if (expects) fields.push("Expect: 100-continue");
    if (typeof body === "string") fields.push(`Content-Length: ${body.length}`);
    if (Array.isArray(body)) fields.push("Transfer-Encoding: chunked");
    const chunks = (Array.isArray(body) ? body : []).filter((text) => text !== "");
    const chunked = chunks.map((text) => `${text.length.toString(16)}${eol}${text}${eol}`).join("");
    const content = Array.isArray(body) ? `${chunked}0${eol}${eol}` : (body ?? "");
    const text = [`${method} /metrics HTTP/1.1`, ...fields, "", content].join(eol);
    const request: Request = {
      isHead: method === "HEAD",
      acceptsGzip: gzip,
      authorization: undefined,
      persistence: closes ? "close" : "implied",
    };
    return {
      bytes: Buffer.from(eol.repeat(emptyLines) + text, "latin1"),
      outcomes: expects && content !== "" ? ["continue" as const, request] : [request],
    };
  });

const pipeline = fc.array(requestArbitrary, { minLength: 1, maxLength: 5 }).map((requests) => ({
  bytes: Buffer.concat(requests.map(({ bytes }) => bytes)),
  outcomes: requests.flatMap(({ outcomes }) => outcomes),
}));

describe("properties", () => {
  test("valid requests are found, however they are split", () => {
    fc.assert(
      fc.property(pipeline, positions, ({ bytes, outcomes }, positions) => {
        expect(parse(bytes)).toEqual(outcomes);
        expect(parse(...cut(bytes, positions))).toEqual(outcomes);
        expect(parse(...bytewise(bytes))).toEqual(outcomes);
      }),
      { numRuns: 200 },
    );
  });

  test("damaged requests and random bytes fail with a RequestError or not at all, however they are split", () => {
    const damaged = fc.tuple(pipeline, fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([{ bytes }, at, insert]) => {
      const [before, after] = cut(bytes, [at]) as [Buffer, Buffer];
      return Buffer.concat([before, insert, after]);
    });
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, random), positions, (bytes, positions) => {
        const whole = parse(bytes);
        expect(parse(...cut(bytes, positions))).toEqual(whole);
        expect(parse(...bytewise(bytes))).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });
});
