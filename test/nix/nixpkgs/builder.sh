# The phases of nixpkgs' generic builder that this project's packages have.
set -euo pipefail
inputs=
for input in ${nativeBuildInputs-}; do inputs=$inputs$input/bin:; done
export PATH=$inputs/usr/local/bin:/usr/bin:/bin
export TMPDIR=$PWD
runHook() { :; }
patchShebangs() { :; }

if [ -n "${buildCommand-}" ]; then
  eval "$buildCommand"
  touch "$out"
  exit
fi

mkdir source
if [ -d "$src" ]; then cp -r "$src/." source; else tar -xzf "$src" --strip-components=1 -C source; fi
chmod -R u+w source
cd source
eval "${configurePhase-}"
eval "${buildPhase-}"
eval "$installPhase"
[ -z "${doInstallCheck-}" ] || eval "$installCheckPhase"
