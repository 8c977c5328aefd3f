import { expect, test } from "bun:test";
import { displayHash } from "./hash.ts";

test("the bytes are displayed from the last to the first, and stay as they are", () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
  expect(displayHash(bytes)).toBe("1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100");
  expect(bytes[0]).toBe(0);
});
