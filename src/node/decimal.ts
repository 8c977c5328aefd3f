// A JSON number that a double might round: a count above 2^53, or an amount, which has eight decimals.

/** Decimals of an amount in bitcoin down to the satoshi. */
const COIN_DECIMALS = 8;

/** A number as its digits in the JSON text. */
export class Decimal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toNumber(): number {
    return Number(this.text);
  }

  /** For logs, where the nearest double is enough. */
  toJSON(): number {
    return this.toNumber();
  }

  /**
   * The satoshis of an amount in bitcoin.
   * @throws RangeError when it is not a whole number of satoshis.
   */
  toSatoshis(): bigint {
    const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(this.text);
    if (match === null) throw new RangeError(`"${this.text}" is not an amount`);
    const [, sign, whole, fraction = "", exponent = "0"] = match;
    const digits = BigInt(whole + fraction);
    const shift = COIN_DECIMALS + Number(exponent) - fraction.length;
    const scale = 10n ** BigInt(Math.abs(shift));
    if (shift < 0 && digits % scale !== 0n) throw new RangeError(`"${this.text}" is not a whole number of satoshis`);
    const satoshis = shift < 0 ? digits / scale : digits * scale;
    return sign === "-" ? -satoshis : satoshis;
  }
}
