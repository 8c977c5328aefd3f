// Reads Accept-Encoding (RFC 9110 12.5.3) to decide between gzip and no compression, once per request with the field.

import { membersOf } from "./field-value.ts";

/**
 * Whether the client accepts gzip and does not prefer identity. `value` is the field's value, several fields joined by
 * commas. A weight that is 0 or malformed refuses a coding. `*` stands for gzip if gzip is not named.
 */
export function acceptsGzip(value: string): boolean {
  let gzip: number | undefined;
  let any: number | undefined;
  let identity = 0;
  for (const member of membersOf(value.toLowerCase())) {
    const [coding = "", ...parameters] = membersOf(member, ";");
    const weight = weightOf(parameters);
    if (coding === "gzip" || coding === "x-gzip") gzip = weight;
    else if (coding === "*") any = weight;
    else if (coding === "identity") identity = weight;
  }
  const weight = gzip ?? any ?? 0;
  return weight > 0 && weight >= identity;
}

function weightOf(parameters: readonly string[]): number {
  const parameter = parameters.find((text) => text.startsWith("q="));
  if (parameter === undefined) return 1;
  const text = parameter.slice(2);
  return /^[\d.]+$/.test(text) ? Number(text) || 0 : 0;
}
