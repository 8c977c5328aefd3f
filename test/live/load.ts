// A busy node: transactions enter the mempool, and blocks remove them, one after the other, until the test stops it.

import type { BitcoinNode } from "./bitcoin-node.ts";
import { type Coin, mine, spend, split, type Transaction } from "./transactions.ts";

/** Each transaction makes or spends this many coins: as many calls of the UTXO trace, and more. */
const COINS = 1000;
const FEE = 50_000;

export class Load implements AsyncDisposable {
  #isStopping = false;
  readonly #running: Promise<void>;

  /** Starts to spend `coin` to many coins and back to one, with a block after each. */
  constructor(node: BitcoinNode, coin: Coin) {
    this.#running = this.#run(node, coin);
    // `stop` rejects with it.
    this.#running.catch(() => {});
  }

  /** Resolves after the last transaction and block. Rejects with the node's refusal. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop().catch(() => {});
  }

  async #run(node: BitcoinNode, first: Coin): Promise<void> {
    let coin = first;
    while (!this.#isStopping) {
      const many = split(coin, COINS, FEE);
      await sendOverHttp(node, many);
      await mine(node);
      const value = many.coins.reduce((sum, { value }) => sum + value, 0);
      const one = spend(many.coins, [value - FEE]);
      await sendOverHttp(node, one);
      await mine(node);
      coin = one.coins[0]!;
    }
  }
}

/** bitcoin-cli of v32 uses the socket, and a stopping v32 node crashes when a transaction comes that way. */
async function sendOverHttp(node: BitcoinNode, { hex }: Transaction): Promise<void> {
  await node.rpc("sendrawtransaction", hex, 0);
}
