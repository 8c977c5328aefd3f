// Transaction ids, of transactions that everyone knows and of those that a node was recorded to send.

import { describe, expect, test } from "bun:test";
import { utils } from "capnp-es";
import fc from "fast-check";
import { recordedCalls } from "../../test/builders/recorded-frames.ts";
import { rootOf } from "../../test/builders/rpc-messages.ts";
import { ChainNotifications_BlockConnected$Params } from "../schema/chain.ts";
import { transactionId } from "./transaction.ts";

/** The coinbase transaction of the genesis block. */
const GENESIS = Buffer.from(
  "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d" +
    "65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f72" +
    "2062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6" +
    "bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
  "hex",
);
const GENESIS_ID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";

const VERSION_BYTES = 4;
const LOCKTIME_BYTES = 4;

/** The same transaction as BIP 144 serializes it with witnesses: version, marker and flag, body, witnesses, lock time. */
function withWitnesses(tx: Buffer, witnesses: Uint8Array): Buffer {
  const body = tx.subarray(VERSION_BYTES, tx.length - LOCKTIME_BYTES);
  return Buffer.concat([tx.subarray(0, VERSION_BYTES), Buffer.of(0, 1), body, witnesses, tx.subarray(-LOCKTIME_BYTES)]);
}

/** Bitcoin's variable-length count. */
function compactSize(value: number): Buffer {
  const bytes = Buffer.alloc(9);
  if (value < 0xfd) return Buffer.of(value);
  bytes[0] = value <= 0xffff ? 0xfd : 0xfe;
  bytes.writeUInt32LE(value, 1);
  return bytes.subarray(0, value <= 0xffff ? 3 : 5);
}

function sha256d(bytes: Uint8Array): Buffer {
  const once = new Bun.CryptoHasher("sha256").update(bytes).digest();
  return Buffer.from(new Bun.CryptoHasher("sha256").update(once).digest());
}

test("of a transaction without witnesses", () => {
  expect(transactionId(GENESIS)).toBe(GENESIS_ID);
});

test("of one with witnesses is that without them", () => {
  const witness = Buffer.concat([Buffer.of(2, 1, 0xaa, 3), Buffer.from("bbcccc", "hex")]);
  expect(transactionId(withWitnesses(GENESIS, witness))).toBe(GENESIS_ID);
});

/** The native P2WPKH example of BIP 143: an input without and one with a witness. */
const BIP143_UNSIGNED =
  "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279" +
  "655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a78" +
  "3a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000";

test("of several inputs and outputs with witnesses is that without them", () => {
  const unsigned = Buffer.from(BIP143_UNSIGNED, "hex");
  const expected = sha256d(unsigned).reverse().toString("hex");
  const witnesses = Buffer.concat([Buffer.of(0, 2, 71), Buffer.alloc(71, 0x30), Buffer.of(33), Buffer.alloc(33, 0x02)]);
  expect(transactionId(withWitnesses(unsigned, witnesses))).toBe(expected);
  expect(transactionId(unsigned)).toBe(expected);
});

test("of inputs, outputs and scripts of every size", () => {
  const anyScript = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(0xfc, 0xfd, 0xfe, 0xffff, 0x10000));
  const anyScripts = fc.oneof(fc.array(anyScript, { minLength: 1, maxLength: 4 }), fc.constant(new Array(260).fill(3)));
  fc.assert(
    fc.property(anyScripts, anyScripts, fc.uint8Array({ maxLength: 50 }), (inputs, outputs, witnesses) => {
      const script = (size: number) => Buffer.concat([compactSize(size), Buffer.alloc(size, 0x51)]);
      const tx = Buffer.concat([
        Buffer.from("02000000", "hex"),
        compactSize(inputs.length),
        ...inputs.flatMap((size) => [Buffer.alloc(36, 0x11), script(size), Buffer.alloc(4, 0xff)]),
        compactSize(outputs.length),
        ...outputs.flatMap((size) => [Buffer.alloc(8, 0x22), script(size)]),
        Buffer.from("10203040", "hex"),
      ]);
      const expected = sha256d(tx).reverse().toString("hex");
      expect(transactionId(tx)).toBe(expected);
      expect(transactionId(withWitnesses(tx, witnesses))).toBe(expected);
    }),
    { numRuns: 40 },
  );
});

describe("of recorded blocks", () => {
  const HEADER_BYTES = 80;
  const merkleRoot = (block: Uint8Array) => Buffer.from(block.subarray(36, 68)).reverse().toString("hex");
  const wireId = (tx: Uint8Array) => Buffer.from(transactionId(tx)!, "hex").reverse();

  function blocks(): Uint8Array[] {
    const connected = recordedCalls().filter(({ call }) => call === "ChainNotifications.blockConnected");
    return connected.map(({ frame }) => {
      const { params } = rootOf(frame).call;
      return utils.getStruct(0, ChainNotifications_BlockConnected$Params, params).block.data.toUint8Array();
    });
  }

  test("with nothing but a coinbase, which has a witness: the header commits to it", () => {
    const block = blocks().find((data) => data[HEADER_BYTES] === 1)!;
    const coinbase = block.subarray(HEADER_BYTES + 1);
    expect([...coinbase.subarray(VERSION_BYTES, VERSION_BYTES + 2)]).toEqual([0, 1]);
    expect(transactionId(coinbase)).toBe(merkleRoot(block));
  });

  test("with a second transaction: the header commits to both", () => {
    const pairs = blocks().filter((data) => data[HEADER_BYTES] === 2);
    expect(pairs).toHaveLength(2);
    for (const block of pairs) {
      // A transaction of one input and one output of the test wallet.
      const second = block.subarray(block.length - 133);
      const coinbase = block.subarray(HEADER_BYTES + 1, block.length - 133);
      const root = sha256d(Buffer.concat([wireId(coinbase), wireId(second)])).reverse();
      expect(root.toString("hex")).toBe(merkleRoot(block));
    }
  });
});

describe("of what is no transaction", () => {
  const segwit = withWitnesses(GENESIS, Buffer.of(1, 1, 0xaa));

  test("cut off anywhere, it does not throw; before the outputs end, there is no id", () => {
    const endOfOutputs = segwit.length - 3 - LOCKTIME_BYTES;
    for (let length = 0; length < segwit.length; length++) {
      const id = transactionId(segwit.subarray(0, length));
      if (length < VERSION_BYTES + 2) expect(id).toMatch(/^[0-9a-f]{64}$/);
      else if (length < endOfOutputs + LOCKTIME_BYTES) expect(id).toBeUndefined();
      else expect(id).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test.each<[string, string]>([
    ["more inputs than bytes", "ffffffffffffffffff"],
    ["more inputs than a number holds exactly", "ffffffffffffffff7f"],
    ["a count that is cut off", "fe01"],
    ["an input script longer than the bytes", `01${"00".repeat(36)}ffffffffffffffffff`],
    ["more outputs than bytes", `01${"00".repeat(36)}00ffffffffffffffffffffffffff`],
  ])("with %s", (_, body) => {
    // A loop over the count would not end.
    expect(transactionId(Buffer.from(`020000000001${body}`, "hex"))).toBeUndefined();
  });

  test("random bytes do not throw", () => {
    const anyBytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(anyBytes, fc.boolean(), (bytes, isSegwit) => {
        const tx = isSegwit ? Buffer.concat([Buffer.from("020000000001", "hex"), bytes]) : bytes;
        expect(transactionId(tx) ?? "0".repeat(64)).toHaveLength(64);
      }),
      { numRuns: 500 },
    );
  });
});
