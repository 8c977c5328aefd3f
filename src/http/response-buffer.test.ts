import { describe, expect, test } from "bun:test";
import type { Request } from "./request-head.ts";
import { ResponseBuffer } from "./response-buffer.ts";

const GET: Request = { isHead: false, acceptsGzip: false, authorization: undefined, persistence: "implied" };
const PAYLOAD = new TextEncoder().encode("bitcoin_blocks 900000\n".repeat(50));

/** The only response in `buffer`: lines of the head, the date's value masked, and the body. */
function onlyResponse(buffer: ResponseBuffer): { head: string[]; body: Buffer } {
  const bytes = Buffer.from(buffer.written);
  const headEnd = bytes.indexOf("\r\n\r\n");
  const head = bytes.toString("latin1", 0, headEnd).replace(/Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/, "Date: *");
  return { head: head.split("\r\n"), body: bytes.subarray(headEnd + 4) };
}

function answer(request: Request, payload = PAYLOAD) {
  const buffer = new ResponseBuffer();
  buffer.addPayload(request, payload);
  return onlyResponse(buffer);
}

describe("payload", () => {
  test("plain", () => {
    const { head, body } = answer(GET);
    expect(head).toEqual([
      "HTTP/1.1 200 OK",
      "Content-Type: text/plain; version=0.0.4; charset=utf-8",
      "Vary: Accept-Encoding",
      `Content-Length: ${PAYLOAD.length}`,
      "Date: *",
    ]);
    expect(body).toEqual(Buffer.from(PAYLOAD));
  });

  test("gzip", () => {
    const { head, body } = answer({ ...GET, acceptsGzip: true });
    expect(head).toContain("Content-Encoding: gzip");
    expect(head).toContain(`Content-Length: ${body.length}`);
    expect(Bun.gunzipSync(Uint8Array.from(body))).toEqual(PAYLOAD);
  });

  test.each([false, true])("HEAD has the head of GET and no body, gzip %p", (acceptsGzip) => {
    const { head, body } = answer({ ...GET, acceptsGzip, isHead: true });
    expect(head).toEqual(answer({ ...GET, acceptsGzip }).head);
    expect(body).toHaveLength(0);
  });

  test("has a Connection field unless the connection stays open by default", () => {
    const connection = (persistence: Request["persistence"]) =>
      answer({ ...GET, persistence }).head.filter((line) => line.startsWith("Connection"));
    expect(connection("implied")).toEqual([]);
    expect(connection("granted")).toEqual(["Connection: keep-alive"]);
    expect(connection("close")).toEqual(["Connection: close"]);
  });

  test("an empty one has length 0", () => {
    expect(answer(GET, new Uint8Array()).head).toContain("Content-Length: 0");
  });

  test("a changed one is compressed again, the same one once", () => {
    const buffer = new ResponseBuffer();
    const bodies = [PAYLOAD, PAYLOAD, new TextEncoder().encode("other 1\n")].map((payload) => {
      buffer.clear();
      buffer.addPayload({ ...GET, acceptsGzip: true }, payload);
      return Bun.gunzipSync(Uint8Array.from(onlyResponse(buffer).body));
    });
    expect(bodies.map((body) => new TextDecoder().decode(body).length)).toEqual([1100, 1100, 8]);
  });
});

test("only what was compressed anew is garbage", () => {
  const buffer = new ResponseBuffer();
  const garbage = (acceptsGzip: boolean) =>
    [PAYLOAD, PAYLOAD, Uint8Array.from(PAYLOAD)].map((payload) => {
      buffer.addPayload({ ...GET, acceptsGzip }, payload);
      return buffer.takeGarbageBytes();
    });
  const { length } = Bun.gzipSync(PAYLOAD, { level: 1 });
  expect(garbage(false)).toEqual([0, 0, 0]);
  expect(garbage(true)).toEqual([length, 0, length]);
});

test("an error has Connection: close and its message in utf-8", () => {
  const buffer = new ResponseBuffer();
  buffer.addError(500, "no ₿ today");
  expect(onlyResponse(buffer)).toEqual({
    head: [
      "HTTP/1.1 500 Internal Server Error",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Length: 13",
      "Connection: close",
      "Date: *",
    ],
    body: Buffer.from("no ₿ today\n"),
  });
});

test("responses follow one another in order, also when the buffer grows", () => {
  const buffer = new ResponseBuffer();
  const large = new Uint8Array(1 << 20).fill(0x41);
  buffer.addContinue();
  buffer.addPayload(GET, PAYLOAD);
  buffer.addPayload(GET, large);
  const text = Buffer.from(buffer.written).toString("latin1");
  expect(text).toStartWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
  expect(text).toEndWith(`\r\n\r\n${"A".repeat(large.length)}`);
  expect(text.split("HTTP/1.1 ")).toHaveLength(4);
  buffer.clear();
  expect(buffer.written).toHaveLength(0);
});
