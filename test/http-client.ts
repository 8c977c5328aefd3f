// An HTTP client for tests: sends bytes as they are, parses responses, and reads only as much as the test requests.

import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

export interface RawResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface RawClient {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** The next response; `bodiless` if it answers HEAD. Rejects if the connection ends before it is complete. */
  response(bodiless?: "bodiless"): Promise<RawResponse>;
  /** Resolves when the server closes, with what `response` has not returned; rejects on a reset. */
  ended(): Promise<Buffer>;
  close(): void;
}

/** `tls`: the connection uses TLS, with these options. */
export async function connectRaw(port: number, hostname = "127.0.0.1", tls?: ConnectionOptions): Promise<RawClient> {
  const address = { port, host: hostname, allowHalfOpen: true };
  const socket = tls === undefined ? connect(address) : connectTls({ ...address, ...tls });
  const connected = tls === undefined ? "connect" : "secureConnect";
  let received: Buffer = Buffer.alloc(0);
  let end: Error | "ended" | undefined;
  let wake = () => {};
  const changed = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    wake();
  });
  socket.on("end", () => {
    end ??= "ended";
    wake();
  });
  socket.on("error", (error) => {
    end ??= error;
    wake();
  });
  await new Promise<void>((resolve, reject) => socket.once(connected, resolve).once("error", reject));

  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    async response(bodiless) {
      for (;;) {
        const found = takeResponse(received, bodiless !== undefined);
        if (found !== undefined) {
          received = received.subarray(found.sizeBytes);
          return found.response;
        }
        if (end !== undefined) throw new Error(`no response, but ${end} after ${JSON.stringify(`${received}`)}`);
        await changed();
      }
    },
    async ended() {
      while (end === undefined) await changed();
      if (end !== "ended") throw end;
      return received;
    },
    close: () => void socket.destroy(),
  };
}

function takeResponse(bytes: Buffer, bodiless: boolean): { response: RawResponse; sizeBytes: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  const fields = new Map(
    lines.map((line) => line.split(": ") as [string, string]).map(([k, v]) => [k.toLowerCase(), v]),
  );
  const bodyStart = headEnd + 4;
  const sizeBytes = bodyStart + (bodiless ? 0 : Number(fields.get("content-length") ?? 0));
  if (bytes.length < sizeBytes) return undefined;
  return { response: { status, fields, body: bytes.subarray(bodyStart, sizeBytes) }, sizeBytes };
}
