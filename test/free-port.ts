/** A TCP port without a listener. */
export function freePort(): number {
  using listener = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  return listener.port;
}
