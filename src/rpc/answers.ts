// The answering half of a connection: the peer's calls that the hot path leaves to us, from Call to Return and Finish.
// Whatever a call is, it gets a Return.

import { type Client, Server, type Struct, utils } from "capnp-es";
import {
  type Bootstrap,
  type Call,
  Call_SendResultsTo_Which,
  type Finish,
  type MessageTarget,
  MessageTarget_Which,
  type Payload,
  type PromisedAnswer,
  PromisedAnswer_Op_Which,
  type Return,
} from "capnp-es/capnp/rpc";
import { ProtocolError } from "../wire/protocol-error.ts";
import { Answer } from "./answer.ts";
import { capabilitiesOf, writeCapTable } from "./cap-table.ts";
import { ImportedCapability } from "./capability.ts";
import { RpcError } from "./errors.ts";
import * as messages from "./messages.ts";
import type { Vat } from "./vat.ts";

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

  clear(): void {
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
    answer.paramImports = clients.filter((client) => client instanceof ImportedCapability);
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
    // The promised answer may still be on its way, and the call waits for it.
    promised.then(
      () => this.#dispatch(answer, body, this.#promisedServer(target), "a promised answer that is not hosted here"),
      (error) => this.#returnError(answer, error),
    );
  }

  handleFinish(body: Finish): void {
    const answer = this.#answers.get(body.questionId);
    // An answer that needed no Finish is gone already (rpc.capnp, Return.noFinishNeeded).
    if (answer === undefined) return;
    answer.finished = true;
    answer.releaseResults = body.releaseResultCaps;
    if (answer.payload !== undefined) this.#remove(answer);
  }

  /**
   * The capability in the results of an answer that `promised` names by a path of pointers.
   * @throws ProtocolError when that answer has not returned results.
   */
  promisedClient(promised: PromisedAnswer): Client {
    const payload = this.#answers.get(promised.questionId)?.payload;
    if (payload === undefined) throw new ProtocolError(`promised answer ${promised.questionId} has no results`);
    let pointer = utils.getPointer(0, payload);
    for (const op of promised.transform.toArray()) {
      if (op.which() !== PromisedAnswer_Op_Which.GET_POINTER_FIELD) continue;
      pointer = utils.getPointer(op.getPointerField, pointer as Struct);
    }
    return utils.getInterfaceClientOrNull(pointer);
  }

  #promisedServer(target: MessageTarget): Server | undefined {
    try {
      const client = this.promisedClient(target.promisedAnswer);
      return client instanceof Server ? client : undefined;
    } catch {
      return undefined;
    }
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
    try {
      const clients = capabilitiesOf(payload);
      answer.resultExports = writeCapTable(payload, clients, this.#vat);
      body.noFinishNeeded = clients.length === 0 && !answer.toYourself;
    } catch (error) {
      return this.#returnError(answer, error);
    }
    body.releaseParamCaps = this.#giveBackParams(answer);
    answer.resolve(payload);
    this.#vat.send(answer.toYourself ? messages.returnElsewhere(answer.id, body.releaseParamCaps) : message);
    if (body.noFinishNeeded || answer.finished) this.#remove(answer);
  }

  #returnError(answer: Answer, error: unknown): void {
    if (this.#vat.ended !== undefined) return;
    const { message, body } = messages.returnException(answer.id, error);
    body.releaseParamCaps = this.#giveBackParams(answer);
    answer.reject(error);
    this.#answers.delete(answer.id);
    this.#vat.send(message);
  }

  /**
   * Gives back the parameters' capabilities that the method did not keep. True when that was all of them, so that the
   * Return says it with releaseParamCaps; otherwise each goes with a Release of its own.
   */
  #giveBackParams(answer: Answer): boolean {
    const open = answer.paramImports.filter((capability) => capability.isOpen && !capability.isRetained);
    const all = open.length === answer.paramImports.length;
    if (all) this.#vat.imports.giveBack(open);
    else for (const capability of open) capability.close();
    return all;
  }

  #remove(answer: Answer): void {
    this.#answers.delete(answer.id);
    if (answer.releaseResults) for (const exportId of answer.resultExports) this.#vat.exports.release(exportId, 1);
  }
}
