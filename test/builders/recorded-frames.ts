// Recorded frames of real nodes, with the entries of their manifests.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface RecordedFrame {
  readonly file: string;
  readonly message: "call" | "return" | "finish" | "resolve" | "release";
  readonly segments: number;
  /** Size of the whole frame. */
  readonly bytes: number;
  /** Of a Call: "Interface.method". */
  readonly call?: string;
  /** Of a Call: hexadecimal. */
  readonly interfaceId?: string;
  readonly methodId?: number;
  readonly questionId?: number;
  readonly importedCap?: number;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Of a Return: the method of the call. */
  readonly answers?: string;
  readonly answerId?: number;
  readonly results?: Readonly<Record<string, unknown>>;
  readonly exception?: string;
  readonly exceptionType?: number;
  /** The frame itself. */
  readonly frame: Uint8Array;
}

const CAPTURES = join(import.meta.dirname, "..", "fixtures", "captures");

/** All frames of a capture, in the order in which the node sent them. */
export function recordedFrames(capture: "pr-trace" | "master"): RecordedFrame[] {
  const dir = join(CAPTURES, capture);
  const manifest: Omit<RecordedFrame, "frame">[] = JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8"));
  return manifest.map((entry) => ({ ...entry, frame: new Uint8Array(readFileSync(join(dir, entry.file))) }));
}

/** The Calls that a pr/trace node made on a subscriber's objects. */
export function recordedCalls(): RecordedFrame[] {
  return recordedFrames("pr-trace").filter(({ message }) => message === "call");
}
