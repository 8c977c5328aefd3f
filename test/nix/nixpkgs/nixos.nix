# NixOS, as far as the exporter's module touches it: the options that it defines, and services as text of systemd units.
{
  lib,
  pkgs,
  modules,
}:
let
  inherit (lib) mkOption types;

  anything =
    default:
    mkOption {
      type = types.anything;
      inherit default;
    };

  list =
    element:
    mkOption {
      type = types.listOf element;
      default = [ ];
    };

  setting =
    name: value:
    lib.concatMapStrings (
      x: "${name}=${if builtins.isBool x then lib.boolToString x else toString x}\n"
    ) (if builtins.isList value then value else [ value ]);

  section =
    title: settings: "[${title}]\n" + lib.concatStrings (lib.mapAttrsToList setting settings);

  unit =
    service:
    section "Unit" {
      Description = service.description;
      After = toString (service.after or [ ]);
      BindsTo = toString (service.bindsTo or [ ]);
      StartLimitIntervalSec = service.startLimitIntervalSec or 10;
    }
    + "\n"
    + section "Service" service.serviceConfig;

  nixos =
    { config, ... }:
    {
      options = {
        assertions = list types.anything;
        systemd.services = mkOption {
          type = types.attrsOf types.anything;
          default = { };
        };
        systemd.units = mkOption {
          type = types.raw;
          default = lib.mapAttrs' (name: service: {
            name = "${name}.service";
            value.text = unit service;
            value.unit = pkgs.writeTextDir "${name}.service" (unit service);
          }) config.systemd.services;
        };
        networking.firewall.allowedTCPPorts = list types.int;
        services.grafana.provision = anything { };
        services.prometheus.ruleFiles = list types.anything;
        users = anything { };
        environment = anything { };
        system = anything { };
      };
    };
in
lib.evalModules {
  modules = [ nixos ] ++ modules;
  specialArgs = {
    inherit pkgs;
    utils.escapeSystemdExecArgs = lib.concatMapStringsSep " " (
      argument: builtins.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON argument)
    );
  };
}
