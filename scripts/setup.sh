#!/bin/sh
# Installs Bun and the packages of bun.lock; with the argument `tests` also the Debian packages that the tests and benches
# use. Runs before `npm run demo`, `npm test` and `bun run bench`; does nothing when everything is installed.
set -eu
cd "$(dirname "$0")/.."

bun_version=$(node -p 'require("./package.json").devDependencies.bun')
stamp=node_modules/.installed-bun.lock

if ! cmp -s bun.lock "$stamp" || [ "$(node_modules/.bin/bun --version 2>/dev/null)" != "$bun_version" ]; then
  echo "setup: installing Bun $bun_version and the packages of bun.lock"
  npx --yes "bun@$bun_version" install --frozen-lockfile
  cp bun.lock "$stamp"
fi

[ "${1-}" = tests ] || exit 0

# command : its Debian package
missing=
for need in capnp:capnproto capnpc-c++:capnproto g++:g++ promtool:prometheus \
  systemd-analyze:systemd lintian:lintian buildah:buildah nix-instantiate:nix-bin gcc:gcc wrk:wrk taskset:util-linux \
  ip:iproute2 openssl:openssl curl:curl groff:groff man:man-db mandoc:mandoc zsh:zsh fish:fish; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
[ -e /usr/include/capnp/rpc-twoparty.h ] || missing="$missing libcapnp-dev"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "setup: installing$missing"
  apt-get update -qq
  # Debian's prometheus package also starts a server; only its programs are needed.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "setup: the tests and benches need Debian packages; install them: sudo apt-get install -y$missing" >&2
  exit 1
fi
