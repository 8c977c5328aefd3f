// A host without IPv6, for one process: a library that it preloads fails socket() for IPv6.

import { dirname, join } from "node:path";
import { compiledExporter } from "../exporter-command.ts";

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
  if (domain == AF_INET6) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  return next(domain, type, protocol);
}
`;

/** The environment of such a process. The library is kept beside the compiled exporter. Throws if it cannot be compiled. */
export async function withoutIpv6(): Promise<Readonly<Record<string, string>>> {
  const [executable] = await compiledExporter();
  const library = join(dirname(executable!), "no-ipv6.so");
  const command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"];
  const compiler = Bun.spawn(command, { stdin: Buffer.from(SOURCE), stdout: "ignore", stderr: "pipe" });
  if ((await compiler.exited) !== 0) throw new Error(`cannot compile no-ipv6.so: ${await compiler.stderr.text()}`);
  return { LD_PRELOAD: library };
}
