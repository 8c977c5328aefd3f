// A small interface for tests of the RPC layer: numbered methods whose parameters and results are a Box. Each test defines what they
// do.

import { type Client, type Method, ObjectSize, Server, Struct, utils } from "capnp-es";

/** A number, a text and two capabilities. */
export class Box extends Struct {
  static override readonly _capnp = { displayName: "Box", id: "b0c5b0c5b0c5b0c5", size: new ObjectSize(8, 3) };

  get number(): number {
    return utils.getUint32(0, this);
  }
  set number(value: number) {
    utils.setUint32(0, value, this);
  }
  get text(): string {
    return utils.getText(0, this);
  }
  set text(value: string) {
    utils.setText(0, value, this);
  }
  get first(): Client {
    return utils.getInterfaceClientOrNullAt(1, this);
  }
  set first(client: Client) {
    this.#setClient(1, client);
  }
  get second(): Client {
    return utils.getInterfaceClientOrNullAt(2, this);
  }
  set second(client: Client) {
    this.#setClient(2, client);
  }

  #setClient(slot: number, client: Client): void {
    utils.setInterfacePointer(this.segment.message.addCap(client), utils.getPointer(slot, this));
  }
}

/** Pointer slots of the capabilities in a Box. */
export const FIRST = 1;
export const SECOND = 2;

export const BOX_INTERFACE = 0xb0c5_0000_0000_0001n;

function boxMethod(methodId: number): Method<Box, Box> {
  const names = { interfaceName: "test/box.capnp:Boxes", methodName: `method${methodId}` };
  return { interfaceId: BOX_INTERFACE, methodId, ParamsClass: Box, ResultsClass: Box, ...names };
}

/** The first method; most tests need one only. */
export const METHOD = boxMethod(0);
export const OTHER_METHOD = boxMethod(1);

export type Implementation = (params: Box, results: Box) => unknown;

/** An object with these methods, by their ids. */
export function hosting(...implementations: Implementation[]): Server {
  const methods = implementations.map((impl, methodId) => ({ ...boxMethod(methodId), impl }));
  return new Server({}, methods as Server["methods"]);
}

/** An object that no test calls. */
export function silent(): Server {
  return hosting();
}
