# The exporter: one executable, which is Bun with the program inside.
{
  lib,
  callPackage,
  stdenvNoCC,
  capnproto,
  revision ? "unknown",
}:
let
  root = ../..;
  manifest = lib.importJSON ../../package.json;
  npm = callPackage ./npm.nix { };
  bun = callPackage ./bun.nix {
    inherit npm;
    version = manifest.devDependencies.bun;
  };
in
stdenvNoCC.mkDerivation {
  pname = manifest.name;
  inherit (manifest) version;
  # What the executable is made of, so that it is built anew when that changes, and not for a line in a document.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/package.json")
      (root + "/tsconfig.json")
      (root + "/schema")
      (root + "/scripts")
      (root + "/src")
      # What goes to share/.
      (root + "/grafana/dashboards")
      (root + "/prometheus")
    ];
  };
  nativeBuildInputs = [
    bun
    capnproto
  ];
  configurePhase = ''
    runHook preConfigure
    export HOME=$TMPDIR
    ln -s ${npm.nodeModules}/node_modules node_modules
    runHook postConfigure
  '';
  buildPhase = ''
    runHook preBuild
    bun scripts/gen.ts --check
    bun scripts/build.ts --revision ${lib.escapeShellArg revision} --outfile dist/${manifest.name}
    runHook postBuild
  '';
  installPhase = ''
    runHook preInstall
    install -D dist/${manifest.name} -t $out/bin
    mkdir -p $out/share/${manifest.name}
    cp -r grafana prometheus $out/share/${manifest.name}
    runHook postInstall
  '';
  # The program is a section that strip would throw away: what is left is plain Bun, with a `--version` of its own.
  dontStrip = true;
  dontPatchELF = true;
  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    $out/bin/${manifest.name} --version |
      grep -F "${manifest.name} ${manifest.version} (revision ${revision}, Bun ${bun.version})"
    runHook postInstallCheck
  '';
  # What only the build needs must not follow the executable onto a host or into an image.
  disallowedReferences = [
    bun
    npm.nodeModules
  ];
  passthru = {
    inherit bun;
    inherit (npm) nodeModules;
  };
  meta = {
    inherit (manifest) description;
    license = lib.licenses.mit;
    mainProgram = manifest.name;
    inherit (bun.meta) platforms;
  };
}
