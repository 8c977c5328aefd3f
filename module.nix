# NixOS module: one service per node of this host. services.bitcoind-ipc-exporter itself configures one exporter, its
# `instances` any number of others.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  inherit (lib) mkOption types;
  name = "bitcoind-ipc-exporter";
  cfg = config.services.${name};

  # The options of every exporter: the unnamed one and the instances.
  exporterOptions = {
    socketPath = mkOption {
      # Absolute, because the service has no working directory.
      type = types.strMatching "/.+";
      example = "/var/lib/bitcoind/node.sock";
      description = "Absolute path of the node's IPC Unix socket.";
    };

    metricsAddr = mkOption {
      type = types.strMatching ".*:[0-9]{1,5}";
      default = "127.0.0.1:9332";
      example = "[::]:9332";
      description = "Address to serve the metrics on: HOST:PORT, [IPV6]:PORT, or :PORT for all addresses.";
    };

    pollInterval = mkOption {
      type = types.numbers.between 0.1 86400;
      default = 60;
      description = "Seconds between two polls of the node.";
    };

    utxoTrace = mkOption {
      type = types.bool;
      default = true;
      description = "Whether to trace the node's UTXO cache. false reduces the load on the node.";
    };

    debug = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to log each event and each poll.";
    };

    extraFlags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = ''
        Flags to pass to the exporter, before the path of the socket. --metrics-addr adds an address and does not replace
        metricsAddr.
      '';
    };

    user = mkOption {
      type = types.str;
      default = "root";
      example = "bitcoind";
      description = "User that runs the exporter. It has to be able to open the socket; the node's own user can.";
    };

    group = mkOption {
      type = types.str;
      default = "root";
      example = "bitcoind";
      description = "Group that runs the exporter.";
    };

    after = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "bitcoind.service" ];
      description = "Units that the exporter starts after and stops before, such as the node's.";
    };

    bindsTo = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "bitcoind.service" ];
      description = "Units that the exporter starts and stops with, such as the node's.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to open the port of metricsAddr in the firewall. metricsAddr must not be a loopback address then.";
    };
  };

  instance.options = exporterOptions // {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether to run this exporter.";
    };

    package = mkOption {
      type = types.package;
      default = cfg.package;
      defaultText = lib.literalExpression "config.services.${name}.package";
      description = "Package of the exporter.";
    };
  };

  # Service name → options, for each enabled exporter.
  exporters =
    lib.optionalAttrs cfg.enable { ${name} = cfg; }
    // lib.mapAttrs' (instanceName: lib.nameValuePair "${name}-${instanceName}") (
      lib.filterAttrs (_: exporter: exporter.enable) cfg.instances
    );

  addresses = lib.mapAttrsToList (_: exporter: exporter.metricsAddr) exporters;

  port = exporter: lib.toInt (lib.last (lib.splitString ":" exporter.metricsAddr));

  arguments =
    exporter:
    [
      "--metrics-addr"
      exporter.metricsAddr
      "--poll-interval"
      (toString exporter.pollInterval)
    ]
    ++ lib.optional (!exporter.utxoTrace) "--no-utxo-trace"
    ++ lib.optional exporter.debug "--debug"
    ++ exporter.extraFlags
    ++ [ exporter.socketPath ];

  service = exporter: {
    description = "Prometheus exporter for Bitcoin Core";
    inherit (exporter) after bindsTo;
    # bindsTo stops the exporter with the node. wantedBy starts it again with the node.
    wantedBy = [ "multi-user.target" ] ++ exporter.bindsTo;
    # Start again without end: the address to listen on may appear long after boot.
    startLimitIntervalSec = 0;

    serviceConfig = {
      ExecStart = utils.escapeSystemdExecArgs (
        [ (lib.getExe' exporter.package name) ] ++ arguments exporter
      );
      # With these variables set, Bun runs other code than the exporter.
      UnsetEnvironment = "BUN_BE_BUN BUN_INSPECT BUN_OPTIONS";
      User = exporter.user;
      Group = exporter.group;
      Restart = "on-failure";
      RestartSec = 10;
      # A retry does not fix a wrong command line.
      RestartPreventExitStatus = 2;

      # A pr/trace node crashes if a subscribed exporter is killed. SIGTERM makes it unsubscribe, within 5 s, and the
      # score makes the kernel's out-of-memory killer prefer other processes.
      KillSignal = "SIGTERM";
      TimeoutStopSec = 15;
      OOMScoreAdjust = -500;
      # Never reached without a fault. It keeps a fault of the exporter from taking the node's memory.
      MemoryMax = "1G";

      # The exporter opens one Unix socket and one TCP port, reads /proc, and writes no file. /tmp and /home stay visible,
      # because the socket can be there.
      ProtectSystem = "strict";
      ProtectHome = "read-only";
      PrivateDevices = true;
      # The names of a v30 node's threads show whether it has started.
      ProtectProc = "default";
      ProcSubset = "pid";
      RestrictAddressFamilies = [
        "AF_UNIX"
        "AF_INET"
        "AF_INET6"
      ];
      # root needs these to open another user's socket and to listen on a low port. Other users have no capabilities.
      CapabilityBoundingSet =
        if exporter.user == "root" then "CAP_DAC_OVERRIDE CAP_NET_BIND_SERVICE" else "";
      AmbientCapabilities = "";
      NoNewPrivileges = true;
      # Bun's JIT compiler writes code while it runs.
      MemoryDenyWriteExecute = false;
      SystemCallArchitectures = "native";
      SystemCallFilter = [
        "@system-service"
        "~@privileged @resources"
      ];
      SystemCallErrorNumber = "EPERM";
      LockPersonality = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      RemoveIPC = true;
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      UMask = "0077";
    };
  };
in
{
  options.services.${name} = exporterOptions // {
    enable = lib.mkEnableOption "the Prometheus exporter for Bitcoin Core";

    package = mkOption {
      type = types.package;
      default = pkgs.${name};
      defaultText = lib.literalExpression "pkgs.${name}";
      description = "Package of the exporter.";
    };

    instances = mkOption {
      type = types.attrsOf (types.submodule instance);
      default = { };
      example = {
        signet = {
          socketPath = "/var/lib/bitcoind/signet/node.sock";
          metricsAddr = "127.0.0.1:9333";
        };
      };
      description = ''
        Exporters for further nodes of this host. Each is a service ${name}-NAME with the same options, and needs a
        metricsAddr of its own.
      '';
    };

    grafana.provisionDashboards = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to add the dashboards to the Grafana of this host. The exporter can run on another host.";
    };

    prometheus.rules = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to add the alert and recording rules to the Prometheus of this host. The exporter can run on another
        host.
      '';
    };
  };

  config = {
    assertions = [
      {
        assertion = lib.allUnique addresses;
        message = "services.${name}: two exporters have the same metricsAddr: ${toString addresses}";
      }
    ];

    systemd.services = lib.mapAttrs (_: service) exporters;

    networking.firewall.allowedTCPPorts = map port (
      builtins.filter (exporter: exporter.openFirewall) (builtins.attrValues exporters)
    );

    services.grafana.provision = lib.mkIf cfg.grafana.provisionDashboards {
      enable = true;
      dashboards.settings.providers = [
        {
          inherit name;
          folder = "Bitcoin";
          disableDeletion = true;
          options.path = ./grafana/dashboards;
        }
      ];
    };

    services.prometheus.ruleFiles = lib.mkIf cfg.prometheus.rules (
      builtins.filter (file: lib.hasSuffix ".rules.yml" (toString file)) (
        lib.filesystem.listFilesRecursive ./prometheus
      )
    );
  };
}
