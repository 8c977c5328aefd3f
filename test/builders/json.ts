import { JsonReader, type JsonValue } from "../../src/node/json.ts";

/** Reads a JSON text at once. Throws as `readJson` rejects. */
export function parseJson(text: string): JsonValue {
  const reader = new JsonReader(Buffer.from(text));
  reader.read(Number.POSITIVE_INFINITY);
  return reader.value;
}

declare global {
  interface JSON {
    /** Of ECMAScript 2026, not in TypeScript's library yet. */
    rawJSON(text: string): unknown;
  }
}

/** For JSON.stringify: a number that is written digit by digit. */
export const raw = (digits: string): unknown => JSON.rawJSON(digits);
