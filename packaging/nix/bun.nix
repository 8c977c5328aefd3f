# Bun at the version that package.json pins: the package of nixpkgs if it has that version, else the executable of bun.lock.
{
  lib,
  stdenv,
  stdenvNoCC,
  bun,
  patchelf,
  npm,
  version,
}:
let
  executable = {
    x86_64-linux = "@oven/bun-linux-x64";
    aarch64-linux = "@oven/bun-linux-aarch64";
  };
  inherit (stdenv.hostPlatform) system;
in
if bun.version == version then
  bun
else
  stdenvNoCC.mkDerivation {
    pname = "bun";
    inherit version;
    src = npm.tarball (executable.${system} or (throw "Bun is not packaged for ${system}"));
    nativeBuildInputs = [ patchelf ];
    # `bun build --compile` copies this file, with the loader set here, into the executable. It needs only glibc, which the
    # loader finds without a run path. With a run path Bun for arm64 crashes.
    installPhase = ''
      runHook preInstall
      install -D bin/bun $out/bin/bun
      patchelf --set-interpreter ${stdenv.cc.bintools.dynamicLinker} $out/bin/bun
      ln -s bun $out/bin/bunx
      runHook postInstall
    '';
    dontStrip = true;
    dontPatchELF = true;
    doInstallCheck = true;
    installCheckPhase = ''
      test "$($out/bin/bun --version)" = ${version}
    '';
    meta = {
      description = "JavaScript runtime, bundler and package manager";
      homepage = "https://bun.com";
      license = lib.licenses.mit;
      mainProgram = "bun";
      platforms = builtins.attrNames executable;
      sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
    };
  }
