// The answering half of a connection: the peer's calls that the hot path does not take, from Call to Return and Finish.
// Every call gets a Return.

import { type Server, utils } from "capnp-es";
import {
  type Bootstrap,
  type Call,
  Call_SendResultsTo_Which,
  type Finish,
  MessageTarget_Which,
  type Return,
} from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import { Answer } from "./answer.ts";
import { capabilitiesOf, receiveCapabilities, writeCapTable } from "./cap-table.ts";
import { RpcError } from "./errors.ts";
import * as messages from "./messages.ts";
import { readPath, serverAt } from "./promised-answer.ts";
import type { Vat } from "./vat.ts";

/**
 * Maximum number of unfinished calls by the peer. A node has one for each thread that waits for us. Each takes some 6 kB, and with
 * sendResultsTo.yourself it stays until the peer's Finish.
 */
export const MAX_ANSWERS = 1024;
/** Limit of the bytes of unfinished calls: each keeps its frame, of up to 64 MiB, until it ends. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export class Answers {
  readonly #vat: Vat;
  readonly #bootstrap: Server | undefined;
  /** The sum of the answers' sizes. */
  #bytes = 0;

  /** `bootstrap`: our bootstrap capability, for a peer that requests it. */
  constructor(vat: Vat, bootstrap: Server | undefined) {
    this.#vat = vat;
    this.#bootstrap = bootstrap;
  }

  /** The connection has ended: calls and questions that wait for an answer's results fail with `reason`. */
  disconnect(reason: Error): void {
    const error = new RpcError("disconnected", reason.message);
    for (const answer of this.#vat.answers.values()) answer.reject(error);
    this.#vat.answers.clear();
  }

  /** @throws ProtocolError when the id is in use or the unfinished calls are over a limit. */
  handleBootstrap(body: Bootstrap): void {
    const answer = this.#add(body.questionId, 0);
    if (this.#bootstrap === undefined) {
      return this.#returnError(answer, new RpcError("unimplemented", "no bootstrap capability is offered here"));
    }
    const outgoing = messages.returnOf(answer.id);
    const payload = outgoing.body._initResults();
    utils.setInterfacePointer(payload.segment.message.addCap(this.#bootstrap), utils.getPointer(0, payload));
    this.#returnResults(answer, outgoing);
  }

  /**
   * Handles a Call whose frame has `sizeBytes`.
   * @throws ProtocolError as handleBootstrap does, and when the target or the capability table is invalid.
   */
  handleCall(body: Call, sizeBytes: number): void {
    const answer = this.#add(body.questionId, sizeBytes);
    answer.paramImports = receiveCapabilities(body.params, this.#vat);
    answer.toYourself = body.sendResultsTo.which() === Call_SendResultsTo_Which.YOURSELF;
    if (body.sendResultsTo.which() === Call_SendResultsTo_Which.THIRD_PARTY) {
      return this.#returnError(answer, new RpcError("unimplemented", "results for a third party are not supported"));
    }
    const { target } = body;
    if (target.which() !== MessageTarget_Which.PROMISED_ANSWER) {
      const { importedCap } = target;
      return this.#dispatch(answer, body, this.#vat.exports.server(importedCap), `export ${importedCap}`);
    }
    const promised = this.#vat.answers.get(target.promisedAnswer.questionId);
    if (promised === undefined) return this.#dispatch(answer, body, undefined, "a promised answer that does not exist");
    const path = readPath(target.promisedAnswer);
    // The call waits for the promised answer. By the time that has results, its Finish may have arrived.
    promised.results.then(
      (payload) => this.#dispatch(answer, body, serverAt(payload, path), "a promised answer that is not hosted here"),
      (error) => this.#returnError(answer, error),
    );
  }

  handleFinish(body: Finish): void {
    const answer = this.#vat.answers.get(body.questionId);
    // An answer that needs no Finish was removed with its Return (rpc.capnp, Return.noFinishNeeded).
    if (answer === undefined) return;
    answer.finished = true;
    answer.releaseResults = body.releaseResultCaps;
    if (answer.isReturned) this.#remove(answer);
  }

  #add(answerId: number, sizeBytes: number): Answer {
    const { answers } = this.#vat;
    if (answers.has(answerId)) throw new ProtocolError(`call reuses question ${answerId} before it was finished`);
    if (answers.size === MAX_ANSWERS) {
      throw new ProtocolError(`${MAX_ANSWERS + 1} unfinished calls are over the limit of ${MAX_ANSWERS} calls`);
    }
    if (this.#bytes > MAX_ANSWER_BYTES) {
      throw new ProtocolError(
        `${this.#bytes} bytes of unfinished calls are over the limit of ${MAX_ANSWER_BYTES} bytes`,
      );
    }
    const answer = new Answer(answerId, sizeBytes);
    answers.set(answerId, answer);
    this.#bytes += sizeBytes;
    return answer;
  }

  /** Runs the method that a Call names and answers it. */
  #dispatch(answer: Answer, body: Call, server: Server | undefined, targetName: string): void {
    if (server === undefined) {
      return this.#returnError(answer, new RpcError("failed", `call on ${targetName}: no such capability`));
    }
    const { interfaceId, methodId } = body;
    const ofInterface = server.methods.filter((method) => method.interfaceId === interfaceId);
    const method = ofInterface.find((candidate) => candidate.methodId === methodId);
    if (method === undefined) {
      const what = ofInterface.length === 0 ? "interface" : "method";
      const reason = `${what} not implemented: interface 0x${interfaceId.toString(16)} method ${methodId}`;
      return this.#returnError(answer, new RpcError("unimplemented", reason));
    }
    const outgoing = messages.returnOf(answer.id);
    new Promise<void>((resolve) => {
      const params = utils.getStruct(0, method.ParamsClass, body.params);
      const results = utils.initStructAt(0, method.ResultsClass, outgoing.body._initResults());
      resolve(method.impl.call(server.target, params, results));
    }).then(
      () => this.#returnResults(answer, outgoing),
      (error) => this.#returnError(answer, error),
    );
  }

  #returnResults(answer: Answer, { message, body }: messages.Outgoing<Return>): void {
    if (this.#vat.ended !== undefined) return;
    const payload = body.results;
    if (answer.toYourself) {
      answer.resolve(payload);
      return this.#returnElsewhere(answer);
    }
    try {
      const clients = capabilitiesOf(payload);
      answer.resultExports = writeCapTable(payload, clients, this.#vat);
      body.noFinishNeeded = clients.length === 0;
    } catch (error) {
      return this.#returnError(answer, error);
    }
    body.releaseParamCaps = this.#releaseParams(answer);
    answer.resolve(payload);
    this.#vat.send(message);
    if (body.noFinishNeeded || answer.finished) this.#remove(answer);
  }

  #returnError(answer: Answer, error: unknown): void {
    if (this.#vat.ended !== undefined) return;
    answer.reject(error);
    if (answer.toYourself) return this.#returnElsewhere(answer);
    const { message, body } = messages.returnException(answer.id, error);
    body.releaseParamCaps = this.#releaseParams(answer);
    this.#remove(answer);
    this.#vat.send(message);
  }

  /** The outcome, results or exception, stays here for a Return with takeFromOtherQuestion until the peer's Finish. */
  #returnElsewhere(answer: Answer): void {
    this.#vat.send(messages.returnElsewhere(answer.id, this.#releaseParams(answer)));
    if (answer.finished) this.#remove(answer);
  }

  /**
   * Closes the parameters' capabilities that the method did not retain. Returns whether that was all of them: the Return
   * then releases them with releaseParamCaps. Otherwise each is released by a Release of its own.
   */
  #releaseParams(answer: Answer): boolean {
    const open = answer.paramImports.filter((capability) => capability.isOpen && !capability.isRetained);
    const isAll = open.length === answer.paramImports.length;
    if (isAll) this.#vat.imports.closeReturned(open);
    else for (const capability of open) capability.close();
    return isAll;
  }

  #remove(answer: Answer): void {
    this.#vat.answers.delete(answer.id);
    this.#bytes -= answer.sizeBytes;
    if (answer.releaseResults) for (const exportId of answer.resultExports) this.#vat.exports.release(exportId, 1);
  }
}
