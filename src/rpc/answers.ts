// The answering half of a connection: the peer's calls that the hot path leaves to us, from Call to Return and Finish.
// Whatever a call is, it gets a Return.

import { type Client, Server, type Struct, utils } from "capnp-es";
import {
  type Bootstrap,
  type Call,
  Call_SendResultsTo_Which,
  type Finish,
  MessageTarget_Which,
  type Payload,
  type PromisedAnswer,
  PromisedAnswer_Op_Which,
  type Return,
} from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import { Answer } from "./answer.ts";
import { capabilitiesOf, checkListLength, importsAmong, writeCapTable } from "./cap-table.ts";
import { RpcError } from "./errors.ts";
import * as messages from "./messages.ts";
import type { Vat } from "./vat.ts";

/** Steps from an answer's results to a capability in them. */
const MAX_TRANSFORM = 64;
/** Pointer slot of PromisedAnswer.transform. */
const TRANSFORM = 0;

export class Answers {
  readonly #vat: Vat;
  readonly #bootstrap: Server | undefined;
  /** By the peer's id. Removed when our Return and, unless it is not needed, the peer's Finish are through. */
  readonly #answers = new Map<number, Answer>();

  /** `bootstrap` is what the peer gets when it asks for our bootstrap capability. */
  constructor(vat: Vat, bootstrap: Server | undefined) {
    this.#vat = vat;
    this.#bootstrap = bootstrap;
  }

  get size(): number {
    return this.#answers.size;
  }

  has(answerId: number): boolean {
    return this.#answers.has(answerId);
  }

  resultsOf(answerId: number): Promise<Payload> | undefined {
    return this.#answers.get(answerId)?.results;
  }

  /** The connection has ended: whoever waits for an answer's results gets `reason`. */
  disconnect(reason: Error): void {
    const error = new RpcError("disconnected", reason.message);
    for (const answer of this.#answers.values()) answer.reject(error);
    this.#answers.clear();
  }

  handleBootstrap(body: Bootstrap): void {
    const answer = this.#add(body.questionId);
    if (this.#bootstrap === undefined) {
      return this.#returnError(answer, new RpcError("unimplemented", "no bootstrap capability is offered here"));
    }
    const outgoing = messages.returnOf(answer.id);
    const payload = outgoing.body._initResults();
    utils.setInterfacePointer(payload.segment.message.addCap(this.#bootstrap), utils.getPointer(0, payload));
    this.#returnResults(answer, outgoing);
  }

  handleCall(body: Call): void {
    const answer = this.#add(body.questionId);
    const clients = this.#vat.receiveCapabilities(body.params);
    answer.paramImports = importsAmong(clients);
    answer.toYourself = body.sendResultsTo.which() === Call_SendResultsTo_Which.YOURSELF;
    if (body.sendResultsTo.which() === Call_SendResultsTo_Which.THIRD_PARTY) {
      return this.#returnError(answer, new RpcError("unimplemented", "results for a third party are not supported"));
    }
    const { target } = body;
    if (target.which() !== MessageTarget_Which.PROMISED_ANSWER) {
      const { importedCap } = target;
      return this.#dispatch(answer, body, this.#vat.exports.server(importedCap), `export ${importedCap}`);
    }
    const promised = this.resultsOf(target.promisedAnswer.questionId);
    if (promised === undefined) return this.#dispatch(answer, body, undefined, "a promised answer that is not there");
    const path = readPath(target.promisedAnswer);
    // The promised answer may still be on its way, and the call waits for it; by then it may have been finished.
    promised.then(
      (payload) => this.#dispatch(answer, body, serverAt(payload, path), "a promised answer that is not hosted here"),
      (error) => this.#returnError(answer, error),
    );
  }

  handleFinish(body: Finish): void {
    const answer = this.#answers.get(body.questionId);
    // An answer that needed no Finish is gone already (rpc.capnp, Return.noFinishNeeded).
    if (answer === undefined) return;
    answer.finished = true;
    answer.releaseResults = body.releaseResultCaps;
    if (answer.isReturned) this.#remove(answer);
  }

  /**
   * The capability in the results of an answer that `promised` names by a path of pointers.
   * @throws ProtocolError when that answer has not returned results.
   */
  promisedClient(promised: PromisedAnswer): Client {
    const payload = this.#answers.get(promised.questionId)?.payload;
    if (payload === undefined) throw new ProtocolError(`promised answer ${promised.questionId} has no results`);
    return clientAt(payload, readPath(promised));
  }

  #add(answerId: number): Answer {
    if (this.#answers.has(answerId)) throw new ProtocolError(`call reuses question ${answerId} before it was finished`);
    const answer = new Answer(answerId);
    this.#answers.set(answerId, answer);
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
    body.releaseParamCaps = this.#giveBackParams(answer);
    answer.resolve(payload);
    this.#vat.send(message);
    if (body.noFinishNeeded || answer.finished) this.#remove(answer);
  }

  #returnError(answer: Answer, error: unknown): void {
    if (this.#vat.ended !== undefined) return;
    answer.reject(error);
    if (answer.toYourself) return this.#returnElsewhere(answer);
    const { message, body } = messages.returnException(answer.id, error);
    body.releaseParamCaps = this.#giveBackParams(answer);
    this.#answers.delete(answer.id);
    this.#vat.send(message);
  }

  /** What came of the call, be it an exception, stays here for a Return with takeFromOtherQuestion, until its Finish. */
  #returnElsewhere(answer: Answer): void {
    this.#vat.send(messages.returnElsewhere(answer.id, this.#giveBackParams(answer)));
    if (answer.finished) this.#remove(answer);
  }

  /**
   * Gives back the parameters' capabilities that the method did not keep. True when that was all of them, so that the
   * Return says it with releaseParamCaps; otherwise each goes with a Release of its own.
   */
  #giveBackParams(answer: Answer): boolean {
    const open = answer.paramImports.filter((capability) => capability.isOpen && !capability.isRetained);
    const all = open.length === answer.paramImports.length;
    if (all) this.#vat.imports.giveBack(open);
    // A handle that the Return gives back is closed too: whoever kept it without retain must not use it.
    for (const capability of open) capability.close();
    return all;
  }

  #remove(answer: Answer): void {
    this.#answers.delete(answer.id);
    if (answer.releaseResults) for (const exportId of answer.resultExports) this.#vat.exports.release(exportId, 1);
  }
}

/** The pointer slots that lead from the results to the capability. */
function readPath(promised: PromisedAnswer): number[] {
  checkListLength(utils.getPointer(TRANSFORM, promised), MAX_TRANSFORM, "transform of a promised answer");
  const fields = promised.transform.toArray().filter((op) => op.which() === PromisedAnswer_Op_Which.GET_POINTER_FIELD);
  return fields.map((op) => op.getPointerField);
}

/** @throws an error of capnp-es when the path leads nowhere. */
function clientAt(payload: Payload, path: readonly number[]): Client {
  const pointer = path.reduce((at, slot) => utils.getPointer(slot, at as Struct), utils.getPointer(0, payload));
  return utils.getInterfaceClientOrNull(pointer);
}

/** The object of ours at that place in the results, if it is one. */
function serverAt(payload: Payload, path: readonly number[]): Server | undefined {
  try {
    const client = clientAt(payload, path);
    return client instanceof Server ? client : undefined;
  } catch {
    return undefined;
  }
}
