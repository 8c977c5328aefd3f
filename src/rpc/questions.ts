// The calling half of a connection: our calls, from Call to Return.

import { type Method, type Struct, utils } from "capnp-es";
import { Message_Which, type Payload, type Return, Return_Which, type Message as RpcMessage } from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import { capabilitiesOf, receiveCapabilities, writeCapTable } from "./cap-table.ts";
import { type ImportedCapability, importOf } from "./capability.ts";
import { errorOf, ResultsTooLargeError, RpcError } from "./errors.ts";
import { IdTable } from "./id-table.ts";
import * as messages from "./messages.ts";
import { type CallOptions, Question } from "./question.ts";
import type { Vat } from "./vat.ts";

/** A larger Return is not kept. The largest answer of a node that is used has 32 MiB, besides the message around it. */
export const MAX_RETURN_BYTES = 33 * 1024 * 1024;

/** The id of a question that is never sent. */
const NO_ID = -1;

export class Questions {
  readonly #vat: Vat;
  readonly #deadlineMs: number;
  /** The peer's Return removes an entry; before that its id must not be used again. */
  readonly #questions = new IdTable<Question<unknown>>();

  /** `deadlineMs` is for calls without one. */
  constructor(vat: Vat, deadlineMs: number) {
    this.#vat = vat;
    this.#deadlineMs = deadlineMs;
  }

  get size(): number {
    return this.#questions.size;
  }

  bootstrap(): Promise<ImportedCapability> {
    const question = this.#add("bootstrap", undefined, (payload) =>
      importOf(utils.getInterfaceClientOrNull(utils.getPointer(0, payload))),
    );
    this.#vat.send(messages.bootstrap(question.id).message);
    return question.results;
  }

  /** Sends a call. Never throws: failures reject the question. */
  ask<P extends Struct, R extends Struct, T>(
    capability: ImportedCapability,
    method: Method<P, R>,
    fill: (params: P) => void,
    { deadlineMs, read = (results) => results as unknown as T }: CallOptions<R, T>,
  ): Question<T> {
    const name = `${method.interfaceName?.split(":").pop()}.${method.methodName}`;
    const question = this.#add(name, deadlineMs, (payload) => read(utils.getStruct(0, method.ResultsClass, payload)));
    try {
      this.#check(capability);
      const { message, body } = messages.call(question.id, method.interfaceId, method.methodId);
      body._initTarget().importedCap = capability.importId;
      const payload = body._initParams();
      fill(utils.initStructAt(0, method.ParamsClass, payload));
      question.paramExports = writeCapTable(payload, capabilitiesOf(payload), this.#vat);
      this.#vat.send(message);
    } catch (error) {
      // The call was not sent, so no Return will arrive for it.
      this.#questions.remove(question.id);
      question.reject(error);
      question.end();
    }
    return question;
  }

  /** @throws ProtocolError when the Return answers no question of ours. */
  handleReturn(body: Return): void {
    const question = this.#get(body.answerId, "return");
    // A canceled question has sent a Finish with releaseResultCaps, so we release nothing of this Return.
    if (!question.canceled) this.#settle(question, body);
    // A Return that breaks the protocol does not get here: the end of the connection rejects its question.
    this.#questions.remove(question.id);
    // After the results, which may refer to capabilities that only the parameters held.
    if (body.releaseParamCaps) this.#releaseParams(question);
    if (!question.canceled && !body.noFinishNeeded) this.#vat.send(messages.finish(question.id, false));
    question.end();
  }

  /**
   * Handles a Return of `sizeBytes` of which all but the head was dropped. Exports in the parameters stay exported: the flag
   * that releases them was dropped, too.
   * @throws ProtocolError if it answers no question.
   */
  refuseReturn(questionId: number, sizeBytes: number): void {
    const question = this.#get(questionId, "return");
    this.#questions.remove(questionId);
    if (!question.canceled) {
      const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
      const limit = `the limit of ${mib(MAX_RETURN_BYTES)}`;
      const reason = `${question.name}: results of ${mib(sizeBytes)} are over ${limit}`;
      question.reject(new ResultsTooLargeError(reason, sizeBytes));
      this.#vat.send(messages.finish(questionId, true));
    }
    question.end();
  }

  /** The peer returned a message of ours whose kind it does not know. */
  handleUnimplemented(message: RpcMessage): void {
    const question = this.#unimplementedQuestion(message);
    // Other messages of ours need no cleanup: the peer keeps a reference longer, and the connection stays usable.
    if (question === undefined) return;
    this.#questions.remove(question.id);
    this.#releaseParams(question);
    question.reject(new RpcError("unimplemented", `${question.name}: the peer does not know this kind of message`));
    question.end();
  }

  /** Resolves when the peer has returned every call that is open now, or the connection has ended. */
  async returned(): Promise<void> {
    await Promise.all(this.#questions.entries.map((question) => question.returned));
  }

  /** The connection has ended: every question rejects. */
  disconnect(reason: Error): void {
    for (const question of this.#questions.clear()) disconnect(question, reason);
  }

  #add<T>(name: string, deadlineMs = this.#deadlineMs, read: (payload: Payload) => T): Question<T> {
    const make = (id: number) =>
      new Question(id, { name, read, sendCancel: () => this.#vat.send(messages.finish(id, true)), deadlineMs });
    const { ended } = this.#vat;
    if (ended === undefined) return this.#questions.add(make);
    const question = make(NO_ID);
    disconnect(question, ended);
    return question;
  }

  /** Throws if a call on `capability` cannot be sent. */
  #check(capability: ImportedCapability): void {
    const { ended } = this.#vat;
    if (ended !== undefined) throw new RpcError("disconnected", ended.message);
    if (!capability.isOpen) throw new RpcError("failed", "the capability was closed");
    if (capability.broken !== undefined) throw capability.broken;
  }

  #get(questionId: number, what: string): Question<unknown> {
    const question = this.#questions.get(questionId);
    if (question === undefined) throw new ProtocolError(`${what} for unknown question ${questionId}`);
    return question;
  }

  #releaseParams(question: Question<unknown>): void {
    for (const exportId of question.paramExports) this.#vat.exports.release(exportId, 1);
  }

  #settle(question: Question<unknown>, body: Return): void {
    switch (body.which()) {
      case Return_Which.RESULTS: {
        const imports = receiveCapabilities(body.results, this.#vat);
        question.resolve(body.results);
        for (const capability of imports) if (!capability.isRetained) capability.close();
        return;
      }
      case Return_Which.EXCEPTION:
        return question.reject(errorOf(body.exception));
      case Return_Which.CANCELED:
        return question.reject(new RpcError("failed", `${question.name}: canceled by the peer`));
      case Return_Which.TAKE_FROM_OTHER_QUESTION:
        return this.#takeResults(question, body.takeFromOtherQuestion);
      case Return_Which.RESULTS_SENT_ELSEWHERE:
        return question.reject(new RpcError("failed", `${question.name}: results were sent elsewhere, unasked`));
      default:
        return question.reject(
          new RpcError("unimplemented", `${question.name}: return of unknown kind ${body.which()}`),
        );
    }
  }

  /** The peer forwarded our call to us, so its results are those of our own answer. */
  #takeResults(question: Question<unknown>, answerId: number): void {
    const answer = this.#vat.answers.get(answerId);
    if (answer === undefined) throw new ProtocolError(`return takes from unknown answer ${answerId}`);
    answer.results.then(
      (payload) => question.resolve(payload),
      (error) => question.reject(error),
    );
  }

  #unimplementedQuestion(message: RpcMessage): Question<unknown> | undefined {
    switch (message.which()) {
      case Message_Which.CALL:
        return this.#get(message.call.questionId, "unimplemented");
      case Message_Which.BOOTSTRAP:
        return this.#get(message.bootstrap.questionId, "unimplemented");
      default:
        return undefined;
    }
  }
}

function disconnect(question: Question<unknown>, reason: Error): void {
  question.reject(new RpcError("disconnected", `${question.name}: ${reason.message}`));
  question.end();
}
