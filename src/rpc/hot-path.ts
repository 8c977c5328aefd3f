// Answers frequent calls without allocating: a HotReader reads and counts them in place by offset, and the answer is a template.
// The slow path handles every call that does not have exactly the expected shape.
//
// The peer's threads wait for these answers: a node stops validating until it has them. bench/callbacks.ts measures it.

import type { Frame } from "../wire/frame.ts";
import type { FrameWriter } from "../wire/frame-writer.ts";
import { StructView } from "../wire/struct-view.ts";
import { readInt32, readUint16, readUint32, WORD_BYTES, writeUint32 } from "../wire/words.ts";
import type { ReadHotCall } from "./hot-reader.ts";
import type { Vat } from "./vat.ts";

/*
 * Messages as the C++ runtime lays them out, in words of the first segment. It allocates rpc.capnp's own structs one after
 * the other, so their pointers are the same words in every message. The target and the parameters may be anywhere.
 *
 *   0  root      struct pointer, offset 0, 1 data word, 1 pointer
 *   1  Message   which (16 bits): 2 call, 3 return, 4 finish, 5 resolve
 *   2            struct pointer to Call, Return, Finish or Resolve, offset 0
 *
 *   Call, 3 data words and 3 pointers
 *   3  questionId (32) · methodId (16) · sendResultsTo.which (16): 0 caller
 *   4  interfaceId (64)
 *   5  flags: allowThirdPartyTailCall, noPromisePipelining, onlyPromisePipeline
 *   6  target    pointer to MessageTarget: importedCap (32) · which (16): 0 importedCap
 *   7  params    pointer to Payload: content, capTable
 *   8  sendResultsTo.thirdParty: null
 *
 *   Finish, 1 data word                     Resolve, 1 data word and 1 pointer
 *   3  questionId (32) · flags              3  promiseId (32) · which (16): 1 exception
 *
 *   Return
 *   3  answerId (32)
 */
const ROOT = 0;
const MESSAGE = WORD_BYTES;
const BODY_POINTER = 2 * WORD_BYTES;
const BODY = 3 * WORD_BYTES;
const CALL_INTERFACE = 4 * WORD_BYTES;
const CALL_FLAGS = 5 * WORD_BYTES;
const CALL_TARGET = 6 * WORD_BYTES;
const CALL_PARAMS = 7 * WORD_BYTES;
const CALL_THIRD_PARTY = 8 * WORD_BYTES;
const CALL_END = 9 * WORD_BYTES;
const FINISH_END = 4 * WORD_BYTES;
const RESOLVE_END = 5 * WORD_BYTES;

const CALL = 2;
const RETURN = 3;
const FINISH = 4;
const RESOLVE = 5;
const RESOLVE_EXCEPTION = 1;

/** The high half of a struct pointer: data words and pointer words. */
const structSize = (dataWords: number, pointers: number) => dataWords | (pointers << 16);
const MESSAGE_SIZE = structSize(1, 1);
const CALL_SIZE = structSize(3, 3);
const FINISH_SIZE = structSize(1, 0);
const RESOLVE_SIZE = structSize(1, 1);

/*
 * The answer to every call: Return with empty results.
 *
 *   0  segment table: one segment of 8 words
 *   1  root      struct pointer, 1 data word, 1 pointer
 *   2  Message   which: 3 return
 *   3            struct pointer to Return: 2 data words, 1 pointer
 *   4  Return    answerId (32) · releaseParamCaps, stored inverted (bit 32) · noFinishNeeded (bit 33) · which (16): 0 results
 *   5            takeFromOtherQuestion and the like: 0
 *   6  results   struct pointer to Payload: 0 data words, 2 pointers
 *   7  content   struct pointer, empty struct: offset -1 as the encoding asks for size zero
 *   8  capTable  null
 *
 * releaseParamCaps is true: the node sends two capabilities with each notification, and this releases both without a
 * Release message. noFinishNeeded saves a Finish if the peer knows the field (Cap'n Proto 1.0 and later).
 */
const RETURN_WORDS = [
  0x00000000_00000000n | (8n << 32n),
  0x00010001_00000000n,
  3n,
  0x00010002_00000000n,
  0x00000002_00000000n,
  0n,
  0x00020000_00000000n,
  0x00000000_fffffffcn,
  0n,
];
const RETURN_TEMPLATE = new Uint8Array(new BigUint64Array(RETURN_WORDS).buffer);
const RETURN_ANSWER_ID = 4 * WORD_BYTES;

export class HotPath {
  readonly #vat: Vat;
  readonly #writer: FrameWriter;
  readonly #view = new StructView();
  /** The number of calls answered. */
  answered = 0;

  constructor(vat: Vat, writer: FrameWriter) {
    this.#vat = vat;
    this.#writer = writer;
  }

  /** Whether `handle` will handle the frame, of which a head is enough. Changes nothing. */
  canHandle(head: Frame): boolean {
    return isMessage(head) && readUint16(head.bytes, head.rootStart + MESSAGE) === CALL && this.#readCall(head, true);
  }

  /** The id of the call in a head for which `canHandle` returned true. */
  questionId(head: Frame): number {
    return readUint32(head.bytes, head.rootStart + BODY);
  }

  /** Handles the frame, whole or a head, if it belongs to a hot call. Otherwise changes nothing and returns false. */
  handle(frame: Frame): boolean {
    if (!isMessage(frame)) return false;
    const { bytes, rootStart: at, rootEnd: end } = frame;
    const size = readInt32(bytes, at + BODY_POINTER + 4);
    switch (readUint16(bytes, at + MESSAGE)) {
      case CALL:
        if (!this.#readCall(frame, false)) return false;
        this.#answer(readUint32(bytes, at + BODY));
        return true;
      case FINISH:
        // The answer had noFinishNeeded, so its Finish has no effect (rpc.capnp, Return.noFinishNeeded).
        return size === FINISH_SIZE && !this.#vat.answers.has(readUint32(bytes, at + BODY));
      case RESOLVE:
        // releaseParamCaps released the promise, and an exception brings no capability to release.
        return (
          size === RESOLVE_SIZE &&
          end - at >= RESOLVE_END &&
          readUint16(bytes, at + BODY + 4) === RESOLVE_EXCEPTION &&
          !this.#vat.imports.has(readUint32(bytes, at + BODY))
        );
      default:
        return false;
    }
  }

  /** Reads a call, or with `isRehearsal` checks whether it can be read. */
  #readCall(frame: Frame, isRehearsal: boolean): boolean {
    const { bytes, rootStart: at, rootEnd: end } = frame;
    if (readInt32(bytes, at + BODY_POINTER + 4) !== CALL_SIZE || end - at < CALL_END) return false;
    const sendResultsTo = readUint16(bytes, at + BODY + 6);
    const flags = readInt32(bytes, at + CALL_FLAGS);
    if (sendResultsTo !== 0 || flags !== 0) return false;
    if (readInt32(bytes, at + CALL_THIRD_PARTY) !== 0 || readInt32(bytes, at + CALL_THIRD_PARTY + 4) !== 0)
      return false;

    const view = this.#view;
    view.reset(bytes, at, end, frame);
    if (!view.follow(at + CALL_TARGET) || view.dataBytes < WORD_BYTES) return false;
    if (readUint16(bytes, view.data + 4) !== 0) return false;
    const reader = this.#vat.exports.hotReader(readUint32(bytes, view.data));
    if (reader === undefined) return false;
    if (readInt32(bytes, at + CALL_INTERFACE) !== reader.interfaceLow) return false;
    if (readInt32(bytes, at + CALL_INTERFACE + 4) !== reader.interfaceHigh) return false;

    if (this.#vat.answers.has(readUint32(bytes, at + BODY))) return false;
    if (!view.follow(at + CALL_PARAMS) || !view.followSlot(0)) return false;
    return tryRead(isRehearsal ? reader.rehearse : reader.read, readUint16(bytes, at + BODY + 4), view);
  }

  #answer(answerId: number): void {
    const offset = this.#writer.reserve(RETURN_TEMPLATE.length);
    this.#writer.bytes.set(RETURN_TEMPLATE, offset);
    writeUint32(this.#writer.bytes, offset + RETURN_ANSWER_ID, answerId);
    this.answered++;
  }
}

/** The question that a Return is for, by its head; undefined if it is another message. */
export function returnedQuestion(head: Frame): number | undefined {
  if (!isMessage(head) || readUint16(head.bytes, head.rootStart + MESSAGE) !== RETURN) return undefined;
  return readUint32(head.bytes, head.rootStart + BODY);
}

/** Whether the frame has the root and the body pointer of every message. */
function isMessage({ bytes, rootStart: at, rootEnd: end }: Frame): boolean {
  if (end - at < FINISH_END) return false;
  if (readInt32(bytes, at + ROOT) !== 0 || readInt32(bytes, at + ROOT + 4) !== MESSAGE_SIZE) return false;
  return readInt32(bytes, at + BODY_POINTER) === 0;
}

/** If a reader throws, the slow path handles the call and answers with the exception: the peer waits for an answer. */
function tryRead(read: ReadHotCall, methodId: number, params: StructView): boolean {
  try {
    return read(methodId, params);
  } catch {
    return false;
  }
}
