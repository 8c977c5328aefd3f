import { expect, test } from "bun:test";
import { cpuModel } from "./machine.ts";

test("the CPU's model", () => {
  expect(cpuModel("processor\t: 0\nmodel\t\t: 167\nmodel name\t: Some CPU @ 2 GHz\nflags\t: a b\n")).toBe(
    "Some CPU @ 2 GHz",
  );
  expect(cpuModel("processor\t: 0\nBogoMIPS\t: 50.00\n")).toBe("unknown");
});
