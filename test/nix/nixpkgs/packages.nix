# The packages that this project's Nix files use. The tools are those of the machine, so the exporter can be built with
# them, where Nix may build without its sandbox; a package of which only the name matters is a name.
{ system }:
let
  lib = import ./lib.nix;

  mkDerivation =
    attributes:
    let
      name = attributes.name or "${attributes.pname}-${attributes.version}";
    in
    derivation (
      {
        inherit name system;
        builder = "/bin/bash";
        args = [ ./builder.sh ];
      }
      // removeAttrs attributes [
        "meta"
        "passthru"
      ]
    )
    // {
      inherit name;
      version = attributes.version or null;
      meta = attributes.meta or { };
      overrideAttrs = changes: mkDerivation (attributes // changes);
    }
    // attributes.passthru or { };

  runCommand =
    name: attributes: buildCommand:
    mkDerivation (attributes // { inherit name buildCommand; });

  # A file that says what it was made from, for functions of which the tests read only the arguments.
  record = name: arguments: runCommand name { } "" // { inherit arguments; };

  named =
    name:
    runCommand name { } "mkdir $out"
    // {
      meta.mainProgram = name;
      version = "0";
    };

  packages =
    final:
    {
      inherit lib runCommand;
      inherit (final.stdenv) hostPlatform;
      callPackage =
        file: arguments:
        let
          f = import file;
        in
        f (builtins.intersectAttrs (builtins.functionArgs f) final // arguments);

      stdenv = {
        inherit mkDerivation;
        hostPlatform = { inherit system; };
        cc.bintools.dynamicLinker =
          {
            x86_64-linux = "/lib64/ld-linux-x86-64.so.2";
            aarch64-linux = "/lib/ld-linux-aarch64.so.1";
          }
          .${system};
      };
      stdenvNoCC = final.stdenv;

      writeTextDir =
        path: text:
        runCommand (builtins.baseNameOf path) { inherit text; } ''
          mkdir -p $out
          printf %s "$text" > $out/${path}
        '';
      linkFarm =
        name: entries:
        runCommand name { } (
          "mkdir $out\n"
          + lib.concatStrings (lib.mapAttrsToList (link: target: "ln -s ${target} $out/${link}\n") entries)
        );
      mkShell = record "shell";
      dockerTools.buildLayeredImage = record "image";
      nixos =
        modules:
        import ./nixos.nix {
          inherit lib modules;
          pkgs = final;
        };
      # Evaluates the hosts of a VM test, and runs nothing.
      testers.runNixOSTest =
        test:
        record "vm-test" test
        // {
          nodes = builtins.mapAttrs (_: module: (final.nixos [ module ]).config) test.nodes;
        };
    }
    // lib.genAttrs [
      "biome"
      "bun"
      "cacert"
      "capnproto"
      "nixfmt-tree"
      "nodejs"
      "patchelf"
    ] named;

  # Packages with overlays over them, each of which sees the result of all.
  overlaid =
    overlays:
    let
      final = builtins.foldl' (previous: overlay: previous // overlay final previous) (packages final) overlays;
    in
    final // { extend = overlay: overlaid (overlays ++ [ overlay ]); };
in
overlaid [ ]
