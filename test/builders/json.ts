import { JsonReader, type JsonValue } from "../../src/node/json.ts";

/** Reads a JSON text at once. Throws as `readJson` rejects. */
export function parseJson(text: string): JsonValue {
  const reader = new JsonReader(Buffer.from(text));
  reader.read(Number.POSITIVE_INFINITY);
  return reader.value;
}
