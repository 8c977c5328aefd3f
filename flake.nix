{
  description = "Prometheus exporter for Bitcoin Core over its IPC Unix socket";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];

      # The result of f for each system. f gets nixpkgs with the exporter added.
      forAllSystems =
        f:
        lib.genAttrs systems (system: f (nixpkgs.legacyPackages.${system}.extend self.overlays.default));
    in
    {
      overlays.default = final: _: {
        bitcoind-ipc-exporter = final.callPackage ./packaging/nix/package.nix {
          revision = self.shortRev or self.dirtyShortRev or "unknown";
        };
      };

      packages = forAllSystems (pkgs: {
        default = pkgs.bitcoind-ipc-exporter;

        # The image of packaging/Containerfile, with the loader and the libraries of Nix.
        image = pkgs.dockerTools.buildLayeredImage {
          name = pkgs.bitcoind-ipc-exporter.pname;
          tag = pkgs.bitcoind-ipc-exporter.version;
          config = {
            Env = [ "METRICS_ADDR=0.0.0.0:9332" ];
            Entrypoint = [ (lib.getExe pkgs.bitcoind-ipc-exporter) ];
            Cmd = [ "/node/node.sock" ];
            User = "65532:65532";
            StopSignal = "SIGTERM";
            ExposedPorts."9332/tcp" = { };
          };
        };
      });

      apps = forAllSystems (pkgs: {
        default = {
          type = "app";
          program = lib.getExe pkgs.bitcoind-ipc-exporter;
          meta = { inherit (pkgs.bitcoind-ipc-exporter.meta) description; };
        };
      });

      nixosModules.default =
        { lib, pkgs, ... }:
        {
          imports = [ ./module.nix ];
          services.bitcoind-ipc-exporter.package =
            lib.mkDefault
              self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        };

      devShells = forAllSystems (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.bitcoind-ipc-exporter.bun
            pkgs.capnproto
            pkgs.nodejs
          ];
          # The executable in Biome's npm package does not run on NixOS; this is the one of nixpkgs.
          BIOME_BINARY = lib.getExe pkgs.biome;
          # Links the packages of bun.lock unless they are installed. npm's executable of Bun does not run on NixOS.
          shellHook = ''
            if [ -e bun.lock ] && { [ -L node_modules ] || [ ! -e node_modules ]; }; then
              ln -sfn ${pkgs.bitcoind-ipc-exporter.nodeModules}/node_modules node_modules
            fi
          '';
        };
      });

      checks = forAllSystems (pkgs: {
        package = pkgs.bitcoind-ipc-exporter;

        # The tests beside the sources. Those under test/ need compilers and servers.
        tests = pkgs.bitcoind-ipc-exporter.overrideAttrs {
          name = "tests";
          src = self;
          buildPhase = ''
            bun node_modules/typescript/bin/tsc --noEmit
            bun scripts/check-imports.ts
            bun scripts/test.ts src
          '';
          installPhase = "touch $out";
          doInstallCheck = false;
        };

        # The text of the module's units, evaluated with all of NixOS.
        module = pkgs.linkFarm "units" (
          lib.mapAttrs' (name: unit: lib.nameValuePair name unit.unit) (
            lib.filterAttrs (name: _: lib.hasPrefix "bitcoind-ipc-exporter" name)
              (pkgs.nixos [
                self.nixosModules.default
                ./test/nix/host.nix
              ]).config.systemd.units
          )
        );

        vm = pkgs.callPackage ./test/nix/vm.nix { module = self.nixosModules.default; };
      });

      formatter = forAllSystems (pkgs: pkgs.nixfmt-tree);
    };
}
