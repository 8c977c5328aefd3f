# The npm packages of bun.lock. Each tarball is fetched with its hash in bun.lock, so this file contains no hash and stays the
# same when a dependency changes.
{
  lib,
  runCommand,
  cacert,
  nodejs,
}:
let
  # bun.lock is JSON with trailing commas. An entry is [ "name@version" registry { … } "sha512-…" ].
  lock = builtins.fromJSON (
    lib.concatMapStrings (part: if builtins.isList part then builtins.head part else part) (
      builtins.split ",([[:space:]]*[]}])" (builtins.readFile ../../bun.lock)
    )
  );

  # `npm_config_registry` names a mirror of the default registry. The hash protects from a wrong tarball.
  fetch =
    entry:
    runCommand "${builtins.replaceStrings [ "@" ] [ "-" ] (baseNameOf (builtins.head entry))}.tgz"
      {
        nativeBuildInputs = [
          cacert
          nodejs
        ];
        impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "npm_config_registry" ];
        outputHash = lib.last entry;
      }
      ''
        HOME=$TMPDIR npm pack --silent ${lib.escapeShellArg (builtins.head entry)} >/dev/null
        mv ./*.tgz $out
      '';

  # Packages for one system are executables, Bun or Biome. Nix provides those itself.
  portable = lib.filterAttrs (_: entry: !(builtins.elemAt entry 2 ? os)) lock.packages;

  install =
    name: entry:
    # A key other than the package's name is a path inside another package's node_modules.
    assert
      lib.hasPrefix "${name}@" (builtins.head entry)
      || throw "bun.lock: ${name} is nested, which is not provided for";
    ''
      mkdir -p ${name}
      tar -xzf ${fetch entry} --strip-components=1 -C ${name}
    ''
    + lib.concatStrings (
      lib.mapAttrsToList (command: file: ''
        chmod +x ${name}/${file}
        ln -s ../${name}/${file} .bin/${command}
      '') ((builtins.elemAt entry 2).bin or { })
    );
in
{
  /**
    The tarball of a package that bun.lock names.
  */
  tarball = name: fetch lock.packages.${name};

  /**
    What `bun install` makes, as the folder node_modules of a store path.
  */
  nodeModules = runCommand "node_modules" { nativeBuildInputs = [ nodejs ]; } ''
    mkdir -p $out/node_modules/.bin
    cd $out/node_modules
    ${lib.concatStrings (lib.mapAttrsToList install portable)}
    patchShebangs --build .
  '';
}
