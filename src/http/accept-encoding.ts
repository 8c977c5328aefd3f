// Reads Accept-Encoding (RFC 9110 12.5.3) for the one question this room has: gzip or plain?
// Called once per request that carries the header.

/**
 * Whether a response in gzip is welcome. `value` is the field's value, several fields joined by commas.
 * A weight of 0 or one that is no number refuses; `*` speaks for gzip when gzip is not named;
 * identity with the greater weight wins.
 */
export function acceptsGzip(value: string): boolean {
  let gzip: number | undefined;
  let any: number | undefined;
  let identity = 0;
  for (const member of value.toLowerCase().split(",")) {
    const [coding = "", ...parameters] = member.split(";").map((part) => part.trim());
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
  const weight = Number(parameter.slice(2));
  return Number.isNaN(weight) ? 0 : weight;
}
