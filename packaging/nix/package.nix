# The exporter: one executable that contains Bun and the program.
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
  # Only what the executable is built from: a change of a document does not rebuild it.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/package.json")
      (root + "/tsconfig.json")
      (root + "/schema")
      (root + "/scripts")
      (root + "/src")
      # Installed to share/.
      (root + "/grafana/dashboards")
      (root + "/packaging/completions")
      (root + "/packaging/man")
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
    install -D -m 644 packaging/man/${manifest.name}.1 -t $out/share/man/man1
    install -D -m 644 packaging/completions/${manifest.name}.bash -t $out/share/bash-completion/completions
    install -D -m 644 packaging/completions/_${manifest.name} -t $out/share/zsh/site-functions
    install -D -m 644 packaging/completions/${manifest.name}.fish -t $out/share/fish/vendor_completions.d
    runHook postInstall
  '';
  # strip would remove the section with the program and leave plain Bun, whose `--version` differs.
  dontStrip = true;
  dontPatchELF = true;
  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    $out/bin/${manifest.name} --version |
      grep -F "${manifest.name} ${manifest.version} (revision ${revision}, Bun ${bun.version})"
    runHook postInstallCheck
  '';
  # Build-time packages must not end up on a host or in an image.
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
