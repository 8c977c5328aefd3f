// Reads JSON from bytes, in slices: a parser that reads megabytes at once would stop the event loop, and threads of the node
// wait for the answers to their callbacks. As strict as JSON.parse. Numbers are exact, and limits bound the memory of an
// answer.

import { Decimal } from "./decimal.ts";
import { Slices } from "./slices.ts";

/** A JSON value. A number is a whole one of up to 15 digits, which a double holds exactly; any other number is a Decimal. */
export type JsonValue = null | boolean | string | number | Decimal | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}

/** Limits that no answer to the exporter's calls reaches: of one text, one number, and nested containers. */
export const MAX_TEXT_BYTES = 64 * 1024;
export const MAX_NUMBER_BYTES = 64;
export const MAX_DEPTH = 64;
/** Maximum number of values of an answer that are kept. 1000 peers have some 100,000. */
export const MAX_VALUES = 500_000;

/** How a long list is read: its items are counted, or passed to a function. None is kept. */
export type Items = "count" | ((item: JsonValue) => void);

export interface ReadOptions {
  /**
   * Reads the outermost list, or the list in the outermost object's member `listKey`, item by item. Its value is then the
   * number of its items.
   */
  readonly items?: Items | undefined;
  readonly listKey?: string | undefined;
}

/** Bytes between two checks of the clock. */
const STEP_BYTES = 2 * 1024;

/**
 * Reads JSON text in UTF-8. `bytes` must not change before the promise settles. Rejects with a SyntaxError if it is not JSON,
 * with a RangeError if it is over a limit, and with what `items` throws. From its frame to its value, an answer of 27 MB
 * stops the event loop for no longer than a garbage collection does: bench/polls.ts measures it.
 */
export async function readJson(bytes: Uint8Array, options: ReadOptions = {}): Promise<JsonValue> {
  const reader = new JsonReader(bytes, options);
  const slices = new Slices();
  while (!reader.read(STEP_BYTES)) {
    if (slices.isOver) await slices.next();
  }
  return reader.value;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LIST = 0x5b;
const BACKSLASH = 0x5c;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

type Container = JsonValue[] | Record<string, JsonValue>;

/** Placeholders for containers whose contents are not kept. */
const NO_LIST: JsonValue[] = [];
const NO_OBJECT: Record<string, JsonValue> = {};

/** Bytes of a text that stand for themselves, each for one character. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x80);
isPlain[QUOTE] = 0;
isPlain[BACKSLASH] = 0;

const isOfNumber = new Uint8Array(256);
for (const character of "0123456789+-.eE") isOfNumber[character.charCodeAt(0)] = 1;
/** 10^15 is below 2^53. */
const MAX_WHOLE_DIGITS = 15;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Short texts repeat: keys with every item of a list, and values such as the names of networks. The last ones are kept by a hash of
 * their bytes, as each text that is made is garbage soon.
 */
const KNOWN_TEXTS = 512;
const MAX_KNOWN_BYTES = 32;

/** Reads as much at a time as its caller requests. Throws as `readJson` rejects. */
export class JsonReader {
  readonly #bytes: Buffer;
  readonly #options: ReadOptions;
  #at = 0;
  /** The innermost open container, whether it is a list, and the key of its next value. */
  #container: Container | undefined;
  #isList = false;
  #key = "";
  /** The containers around it, each with its current key. */
  readonly #outer: Container[] = [];
  readonly #outerKeys: string[] = [];
  readonly #knownKeys: string[] = new Array(KNOWN_TEXTS).fill("");
  readonly #knownValues: string[] = new Array(KNOWN_TEXTS).fill("");
  #kept = 0;
  /** The list that is read item by item, while it is open. */
  #items: Container | undefined;
  #itemCount = 0;
  /** Whether its items are only counted. */
  #isCounting = false;
  #isPlainText = true;
  #value: JsonValue | undefined;

  constructor(bytes: Uint8Array, options: ReadOptions = {}) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#options = options;
  }

  /** The outermost value, once `read` has returned true. */
  get value(): JsonValue {
    return this.#value!;
  }

  /** Reads about `sizeBytes` more. Returns whether that was all. */
  read(sizeBytes: number): boolean {
    const bytes = this.#bytes;
    const pauseAt = this.#at + sizeBytes;
    let at = this.#at;
    while (at < pauseAt) {
      let value: JsonValue = null;
      at = this.#skipSpace(at);
      const first = bytes[at]!;
      if (first === QUOTE) {
        const start = at + 1;
        at = this.#textEnd(start);
        if (!this.#isCounting) value = this.#text(this.#knownValues, start, at);
        at++;
      } else if (first === MINUS || (first >= ZERO && first <= NINE)) {
        const start = at;
        at = this.#numberEnd(start);
        if (!this.#isCounting) value = this.#number(start, at);
      } else if (first === OBJECT || first === LIST) {
        this.#open(first === LIST, at);
        at = this.#skipSpace(at + 1);
        if (bytes[at] !== (this.#isList ? LIST_END : OBJECT_END)) {
          if (!this.#isList) at = this.#readKey(at);
          continue;
        }
        value = this.#close();
        at++;
      } else if (first === 0x74) {
        value = true;
        at = this.#skipWord(at, "true");
      } else if (first === 0x66) {
        value = false;
        at = this.#skipWord(at, "false");
      } else {
        at = this.#skipWord(at, "null");
      }
      at = this.#readRest(value, at);
      if (this.#value !== undefined) return true;
    }
    this.#at = at;
    return false;
  }

  /** After a value: puts it into its container, closes the containers that end with it, and reads up to the next value. */
  #readRest(read: JsonValue, start: number): number {
    let value = read;
    for (let at = this.#skipSpace(start); ; at = this.#skipSpace(at + 1)) {
      if (this.#container === undefined) {
        if (at < this.#bytes.length) throw this.#fault(at);
        this.#value = value;
        return at;
      }
      this.#put(this.#container, value);
      const byte = this.#bytes[at];
      if (byte === COMMA) return this.#isList ? at + 1 : this.#readKey(this.#skipSpace(at + 1));
      if (byte !== (this.#isList ? LIST_END : OBJECT_END)) throw this.#fault(at);
      value = this.#close();
    }
  }

  #put(container: Container, value: JsonValue): void {
    if (container === this.#items) {
      this.#itemCount++;
      this.#kept = 0;
      if (typeof this.#options.items === "function") this.#options.items(value);
      return;
    }
    if (this.#isCounting) return;
    if (++this.#kept > MAX_VALUES) throw new RangeError(`more than ${MAX_VALUES} values`);
    if (this.#isList) (container as JsonValue[]).push(value);
    else if (this.#key !== "__proto__") (container as Record<string, JsonValue>)[this.#key] = value;
    // An assignment would set the object's prototype.
    else Object.defineProperty(container, this.#key, { value, enumerable: true, configurable: true, writable: true });
  }

  #open(isList: boolean, at: number): void {
    if (this.#container !== undefined) {
      this.#outer.push(this.#container);
      this.#outerKeys.push(this.#key);
    }
    if (this.#outer.length >= MAX_DEPTH) throw new RangeError(`more than ${MAX_DEPTH} levels at byte ${at}`);
    const isItems = isList && this.#options.items !== undefined && this.#items === undefined && this.#isAtItems();
    if (this.#isCounting) this.#container = isList ? NO_LIST : NO_OBJECT;
    else this.#container = isList ? [] : {};
    this.#isList = isList;
    if (!isItems) return;
    this.#items = this.#container;
    this.#isCounting = this.#options.items === "count";
  }

  /** Whether the list that begins is the one to be read item by item. */
  #isAtItems(): boolean {
    const { listKey } = this.#options;
    if (listKey === undefined) return this.#container === undefined;
    return this.#outer.length === 1 && !this.#isList && this.#key === listKey;
  }

  #close(): JsonValue {
    let value = this.#container as JsonValue;
    if (this.#container === this.#items) {
      value = this.#itemCount;
      this.#items = undefined;
      this.#isCounting = false;
    }
    this.#container = this.#outer.pop();
    this.#key = this.#outerKeys.pop() ?? "";
    this.#isList = Array.isArray(this.#container);
    return value;
  }

  /** Reads the key whose quote is at `at`, and the colon. */
  #readKey(at: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== QUOTE) throw this.#fault(at);
    const start = at + 1;
    const end = this.#textEnd(start);
    if (!this.#isCounting) this.#key = this.#text(this.#knownKeys, start, end);
    const colon = this.#skipSpace(end + 1);
    if (bytes[colon] !== COLON) throw this.#fault(colon);
    return colon + 1;
  }

  #isSame(text: string, start: number): boolean {
    for (let index = 0; index < text.length; index++) {
      if (text.charCodeAt(index) !== this.#bytes[start + index]) return false;
    }
    return true;
  }

  /** The offset of the quote that ends the text from `start` on. Sets `#isPlainText` to whether all of it is plain. */
  #textEnd(start: number): number {
    const bytes = this.#bytes;
    this.#isPlainText = true;
    for (let at = start; at <= start + MAX_TEXT_BYTES; at++) {
      const byte = bytes[at]!;
      if (isPlain[byte] === 1) continue;
      if (byte === QUOTE) return at;
      this.#isPlainText = false;
      if (byte === BACKSLASH) at++;
      // A control character, which has to be escaped, or the end of the bytes.
      else if (!(byte >= 0x80)) throw this.#fault(at);
    }
    throw new RangeError(`a text of more than ${MAX_TEXT_BYTES} bytes`);
  }

  /** The text from `start` to `end`, which is made unless it is in `known`. */
  #text(known: string[], start: number, end: number): string {
    const bytes = this.#bytes;
    if (!this.#isPlainText) return JSON.parse(bytes.toString("utf8", start - 1, end + 1));
    if (end - start > MAX_KNOWN_BYTES) return bytes.toString("latin1", start, end);
    let slot = end - start;
    for (let at = start; at < end; at++) slot = (slot * 31 + bytes[at]!) & (KNOWN_TEXTS - 1);
    const found = known[slot]!;
    if (found.length === end - start && this.#isSame(found, start)) return found;
    const text = bytes.toString("latin1", start, end);
    known[slot] = text;
    return text;
  }

  /** The offset after the number that begins at `start`. */
  #numberEnd(start: number): number {
    for (let at = start; at <= start + MAX_NUMBER_BYTES; at++) {
      if (isOfNumber[this.#bytes[at]!] !== 1) return at;
    }
    throw new RangeError(`a number of more than ${MAX_NUMBER_BYTES} digits`);
  }

  #number(start: number, end: number): number | Decimal {
    const whole = this.#wholeNumber(start, end);
    if (whole !== undefined) return whole;
    const text = this.#bytes.toString("latin1", start, end);
    if (!NUMBER.test(text)) throw this.#fault(start);
    return new Decimal(text);
  }

  /** Undefined if it is not a whole number that a double holds exactly in any case. */
  #wholeNumber(start: number, end: number): number | undefined {
    const bytes = this.#bytes;
    const isNegative = bytes[start] === MINUS;
    const first = isNegative ? start + 1 : start;
    if (end === first || end - first > MAX_WHOLE_DIGITS) return undefined;
    // A zero stands alone and without a sign, or it is no whole number.
    if (bytes[first] === ZERO) return end - start === 1 ? 0 : undefined;
    let value = 0;
    for (let at = first; at < end; at++) {
      const byte = bytes[at]!;
      if (byte < ZERO || byte > NINE) return undefined;
      value = value * 10 + byte - ZERO;
    }
    return isNegative ? -value : value;
  }

  #skipSpace(start: number): number {
    for (let at = start; at <= start + MAX_TEXT_BYTES; at++) {
      const byte = this.#bytes[at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    }
    throw new RangeError(`white space of more than ${MAX_TEXT_BYTES} bytes`);
  }

  #skipWord(start: number, word: string): number {
    if (!this.#isSame(word, start)) throw this.#fault(start);
    return start + word.length;
  }

  #fault(at: number): SyntaxError {
    return new SyntaxError(`invalid JSON at byte ${at}`);
  }
}
