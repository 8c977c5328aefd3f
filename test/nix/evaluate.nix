# What module.nix makes of a host's configuration, as plain data: for module.test.ts.
{
  lib ? import ./nixpkgs/lib.nix,
  module ? ../../module.nix,
  configuration,
}:
let
  # A package that is only a place, such as a built one has.
  package = name: {
    type = "derivation";
    inherit name;
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
  };
  inherit
    (import ./nixpkgs/nixos.nix {
      inherit lib;
      pkgs = {
        bitcoind-ipc-exporter = package "exporter";
        other = package "other";
      };
      modules = [
        module
        configuration
      ];
    })
    config
    ;
in
{
  units = builtins.mapAttrs (_: unit: unit.text) config.systemd.units;
  wantedBy = builtins.mapAttrs (_: service: service.wantedBy) config.systemd.services;
  ports = config.networking.firewall.allowedTCPPorts;
  grafana = config.services.grafana.provision;
  rules = map toString config.services.prometheus.ruleFiles;
  failures = map (x: x.message) (builtins.filter (x: !x.assertion) config.assertions);
}
