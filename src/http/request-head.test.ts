import { describe, expect, test } from "bun:test";
import { awaitsContinue, bodyOf, RequestError, readField, readRequestLine, requestOf } from "./request-head.ts";

function headOf(requestLine: string, ...fields: string[]) {
  const head = readRequestLine(requestLine);
  head.host = "a";
  for (const field of fields) readField(head, field);
  return head;
}

function statusOf(action: () => unknown): number {
  try {
    action();
  } catch (error) {
    if (error instanceof RequestError) return error.status;
    throw error;
  }
  return 200;
}

describe("request line", () => {
  test.each([
    ["GET / HTTP/1.1", 200],
    ["GET /metrics?x=1 HTTP/1.0", 200],
    ["OPTIONS * HTTP/1.1", 200],
    ["GET http://host/metrics HTTP/1.1", 200],
    ["BREW /caf\xe9 HTTP/1.1", 200],
    ["GET / HTTP/1.2", 200],
    ["GET / HTTP/2.0", 505],
    ["GET / HTTP/2", 505],
    ["GET / HTTP/3", 505],
    ["PRI * HTTP/2.0", 400],
    ["GET / HTTP/0.9", 400],
    ["GET / HTTP/1", 400],
    ["GET / HTTP/1.10", 400],
    ["GET / http/1.1", 400],
    ["GET / HTTPS/1.1", 400],
    ["GET / HTTP/1.1 ", 400],
    ["GET /a b HTTP/1.1", 400],
    ["GET  / HTTP/1.1", 400],
    [" GET / HTTP/1.1", 400],
    ["GET\t/\tHTTP/1.1", 400],
    ["GET /\tx HTTP/1.1", 400],
    ["GET /", 400],
    ["GET", 400],
    ["G(T / HTTP/1.1", 400],
    ["SSH-2.0-OpenSSH_9.6", 400],
  ])("%p: %p", (line, status) => {
    expect(statusOf(() => readRequestLine(line))).toBe(status);
  });
});

describe("field line", () => {
  test.each([
    ["X-Any: a", 200],
    ["X-Any:", 200],
    ["X-Any:\t value \t", 200],
    ["X-Any: caf\xe9", 200],
    ["no colon", 400],
    [": no name", 400],
    ["Host : space before the colon", 400],
    [" folded: line", 400],
    ["\tfolded", 400],
  ])("%p: %p", (line, status) => {
    expect(statusOf(() => headOf("GET / HTTP/1.1", line))).toBe(status);
  });
});

describe("host", () => {
  const check = (version: string, ...fields: string[]) => {
    const head = readRequestLine(`GET / ${version}`);
    for (const field of fields) readField(head, field);
    return bodyOf(head);
  };

  test.each<[version: string, fields: string[], status: number]>([
    ["HTTP/1.1", [], 400],
    ["HTTP/1.2", [], 400],
    ["HTTP/1.0", [], 200],
    ["HTTP/1.1", ["X-Host: a"], 400],
    ["HTTP/1.1", ["Host: a", "host: a"], 400],
    ["HTTP/1.1", ["Host: a", "Host: b"], 400],
    ["HTTP/1.1", ["Host:", "Host:"], 400],
    ["HTTP/1.0", ["Host: a", "Host: b"], 400],
    ["HTTP/1.1", ["Host:"], 200],
    ["HTTP/1.1", ["Host: my_node-1.example:9332"], 200],
    ["HTTP/1.1", ["Host: 192.0.2.1:"], 200],
    ["HTTP/1.1", ["Host: [2001:db8::1]:9332"], 200],
    ["HTTP/1.1", ["Host: [fe80::1%25eth0]"], 200],
    ["HTTP/1.1", ["Host: a%20b"], 200],
    ["HTTP/1.1", ["Host: a b"], 400],
    ["HTTP/1.1", ["Host: a\xa0"], 400],
    ["HTTP/1.1", ["Host: a/b"], 400],
    ["HTTP/1.1", ["Host: user@a"], 400],
    ["HTTP/1.1", ["Host: a:b"], 400],
    ["HTTP/1.1", ["Host: 2001:db8::1"], 400],
  ])("%s %p: %p", (version, fields, status) => {
    expect(statusOf(() => check(version, ...fields))).toBe(status);
  });
});

describe("body", () => {
  test.each<[fields: string[], body: number | "chunked"]>([
    [[], 0],
    [["Content-Length: 0"], 0],
    [["Content-Length: 12"], 12],
    [["CONTENT-LENGTH:012"], 12],
    [["Content-Length: 7, 7"], 7],
    [["Content-Length: 7", "Content-Length: 7"], 7],
    [["Transfer-Encoding: chunked"], "chunked"],
    [["transfer-encoding: Chunked"], "chunked"],
  ])("%p: %p", (fields, body) => {
    expect(bodyOf(headOf("POST / HTTP/1.1", ...fields))).toBe(body);
  });

  test.each<[fields: string[], status: number]>([
    [["Content-Length:"], 400],
    [["Content-Length: -1"], 400],
    [["Content-Length: +1"], 400],
    [["Content-Length: 0x10"], 400],
    [["Content-Length: 1.0"], 400],
    [["Content-Length: 1 2"], 400],
    [["Content-Length: 1\xa0"], 400],
    [["Content-Length: 1,"], 400],
    [["Content-Length: 9007199254740993"], 400],
    [["Content-Length: 1", "Content-Length: 2"], 400],
    [["Content-Length: 1, 2"], 400],
    [["Content-Length: 5", "Transfer-Encoding: chunked"], 400],
    [["Transfer-Encoding: chunked", "Content-Length: 5"], 400],
    [["Transfer-Encoding: gzip, chunked"], 501],
    [["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 501],
    [["Transfer-Encoding: identity"], 501],
    [["Transfer-Encoding: \xa0chunked"], 501],
    [["Transfer-Encoding:"], 501],
  ])("%p: %p", (fields, status) => {
    expect(statusOf(() => bodyOf(headOf("POST / HTTP/1.1", ...fields)))).toBe(status);
  });
});

describe("persistence", () => {
  test.each([
    ["HTTP/1.1", "X-Any: a", "implied"],
    ["HTTP/1.1", "Connection: keep-alive", "implied"],
    ["HTTP/1.1", "Connection: close", "close"],
    ["HTTP/1.1", "Connection: Upgrade,\tClose ", "close"],
    ["HTTP/1.1", "Connection: close\xa0", "implied"],
    ["HTTP/1.1", "Connection: Upgrade,\xa0close", "implied"],
    ["HTTP/1.1", "Connection: closed", "implied"],
    ["HTTP/1.0", "X-Any: a", "close"],
    ["HTTP/1.0", "Connection: Keep-Alive", "granted"],
    ["HTTP/1.0", "Connection: keep-alive, close", "close"],
  ])("%s, %s: %s", (version, field, persistence) => {
    expect(requestOf(headOf(`GET / ${version}`, field)).persistence as string).toBe(persistence);
  });

  test("after an http/1.0 request with a transfer coding the connection closes", () => {
    const head = headOf("POST / HTTP/1.0", "Connection: keep-alive", "Transfer-Encoding: chunked");
    expect(requestOf(head).persistence).toBe("close");
  });
});

test("only HEAD, in this spelling, gets no body", () => {
  expect(requestOf(headOf("HEAD / HTTP/1.1")).isHead).toBe(true);
  expect(requestOf(headOf("GET / HTTP/1.1")).isHead).toBe(false);
  expect(requestOf(headOf("head / HTTP/1.1")).isHead).toBe(false);
});

test("several accept-encoding fields are one list", () => {
  expect(requestOf(headOf("GET / HTTP/1.1", "Accept-Encoding: br", "accept-encoding: gzip")).acceptsGzip).toBe(true);
});

test("only an http/1.1 client waits for 100 continue", () => {
  expect(awaitsContinue(headOf("PUT / HTTP/1.1", "Expect: 100-Continue"))).toBe(true);
  expect(awaitsContinue(headOf("PUT / HTTP/1.0", "Expect: 100-continue"))).toBe(false);
  expect(awaitsContinue(headOf("PUT / HTTP/1.1", "Expect: a miracle"))).toBe(false);
});
