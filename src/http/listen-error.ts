// Why listening failed, in the system's words. Bun's message is always "Failed to listen at HOST". Bun reports the error number of
// bind and listen, but not why a name is unknown or a socket cannot be made.

import { lookup } from "node:dns/promises";
import { getSystemErrorMap } from "node:util";

/** `error` is what `serve` threw for `hostname`. May call the resolver; never rejects. */
export async function listenErrorText(hostname: string, error: unknown): Promise<string> {
  const { code, errno = 0, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return "the address is in use (EADDRINUSE); choose another with --metrics-addr";
  const [name, text] = getSystemErrorMap().get(-Math.abs(errno)) ?? [];
  if (name === code && text !== undefined) return `${text} (${code})`; // the resolver's codes have numbers of their own
  try {
    const { address } = await lookup(hostname);
    return address.includes(":") ? "the host does not support IPv6 (EAFNOSUPPORT); choose an IPv4 address" : message;
  } catch (error) {
    return `the name cannot be resolved (${(error as NodeJS.ErrnoException).code}); use an IP address`;
  }
}
