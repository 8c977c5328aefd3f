// A number of JSON, exact: amounts have eight decimals and counts may pass 2^53, which a double would blur.

/** One coin in satoshis has this many decimal digits. */
const COIN_DECIMALS = 8;

/** A number, exact: its digits as they stood in the text. */
export class Decimal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toNumber(): number {
    return Number(this.text);
  }

  /** For logs: as near as JSON gets. */
  toJSON(): number {
    return this.toNumber();
  }

  /**
   * An amount in bitcoin, in satoshis.
   * @throws RangeError when it is not a whole number of satoshis.
   */
  toSatoshis(): bigint {
    const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(this.text);
    if (match === null) throw new RangeError(`"${this.text}" is no amount`);
    const [, sign, whole, fraction = "", exponent = "0"] = match;
    const digits = BigInt(whole + fraction);
    const shift = COIN_DECIMALS + Number(exponent) - fraction.length;
    const scale = 10n ** BigInt(Math.abs(shift));
    if (shift < 0 && digits % scale !== 0n) throw new RangeError(`"${this.text}" is no whole number of satoshis`);
    const satoshis = shift < 0 ? digits / scale : digits * scale;
    return sign === "-" ? -satoshis : satoshis;
  }
}
