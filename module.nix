# NixOS module: services that run the exporter for the nodes of this host. The options right below
# services.bitcoind-ipc-exporter are one exporter, `instances` are any number of others.
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

  # What every exporter has, the unnamed one and the instances.
  exporterOptions = {
    socketPath = mkOption {
      # The service has no working directory for a relative path to start from.
      type = types.strMatching "/.+";
      example = "/var/lib/bitcoind/node.sock";
      description = "Absolute path of the node's IPC Unix socket.";
    };

    metricsAddr = mkOption {
      type = types.strMatching ".*:[0-9]{1,5}";
      default = "127.0.0.1:9332";
      example = "[::]:9332";
      description = "Where to serve the metrics: HOST:PORT, [IPV6]:PORT, or :PORT for all addresses.";
    };

    pollInterval = mkOption {
      type = types.numbers.between 0.1 86400;
      default = 60;
      description = "Seconds between two polls of what the node does not report by itself.";
    };

    utxoTrace = mkOption {
      type = types.bool;
      default = true;
      description = "Whether to count the coins of the node's UTXO cache. Without, the exporter costs the node less.";
    };

    debug = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to log every event and every poll.";
    };

    extraFlags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Flags that are given to the exporter as they are, before the socket's path.";
    };

    user = mkOption {
      type = types.str;
      default = "root";
      example = "bitcoind";
      description = "User that the exporter runs as. It has to be able to open the socket: best the node's own.";
    };

    group = mkOption {
      type = types.str;
      default = "root";
      example = "bitcoind";
      description = "Group that the exporter runs as.";
    };

    after = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "bitcoind.service" ];
      description = "Units that the exporter starts after, and stops before: the node's.";
    };

    bindsTo = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "bitcoind.service" ];
      description = "Units that the exporter lives and dies with: the node's. It starts and stops with them.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to open the port of metricsAddr, which is then no loopback address, in the firewall.";
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
      description = "The package with the exporter.";
    };
  };

  # Service name → options, of all that are to run.
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
    # bindsTo only ever stops: without being wanted by the node, an exporter would stay away once the node restarted.
    wantedBy = [ "multi-user.target" ] ++ exporter.bindsTo;
    startLimitIntervalSec = 300;
    startLimitBurst = 20;

    serviceConfig = {
      ExecStart = utils.escapeSystemdExecArgs (
        [ (lib.getExe' exporter.package name) ] ++ arguments exporter
      );
      # With these in the environment Bun runs other code than the exporter.
      UnsetEnvironment = "BUN_BE_BUN BUN_INSPECT BUN_OPTIONS";
      User = exporter.user;
      Group = exporter.group;
      Restart = "on-failure";
      RestartSec = 10;
      # A wrong command line does not become right by itself.
      RestartPreventExitStatus = 2;

      # A node with the exporter subscribed dies when it just goes. So: a signal that it leaves the node on, more time
      # than the 5 s it takes at most, and no early victim for the kernel when memory runs out.
      KillSignal = "SIGTERM";
      TimeoutStopSec = 15;
      OOMScoreAdjust = -500;

      # It opens one Unix socket and one TCP port, reads its own part of /proc, and writes nothing. The socket may be
      # anywhere, with a node that is tried out in /tmp or /home: so neither is hidden.
      ProtectSystem = "strict";
      ProtectHome = "read-only";
      PrivateDevices = true;
      ProtectProc = "invisible";
      ProcSubset = "pid";
      RestrictAddressFamilies = [
        "AF_UNIX"
        "AF_INET"
        "AF_INET6"
      ];
      # What lets root open another user's socket and listen on a low port; others have no capabilities to lose.
      CapabilityBoundingSet =
        if exporter.user == "root" then "CAP_DAC_OVERRIDE CAP_NET_BIND_SERVICE" else "";
      AmbientCapabilities = "";
      NoNewPrivileges = true;
      # JavaScript is compiled while it runs.
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
      description = "The package with the exporter.";
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
        Exporters for further nodes of this host, each a service ${name}-NAME with the same options as the exporter
        that is configured here itself, and like that one on an address of its own.
      '';
    };

    grafana.provisionDashboards = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the Grafana of this host gets the dashboards. The exporter may run elsewhere.";
    };

    prometheus.rules = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the Prometheus of this host gets the alert and recording rules. The exporter may run elsewhere.
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
