# NixOS VM test: the exporter as a service beside a simulated node, started, watched and stopped as on a real host.
{
  lib,
  runCommand,
  testers,
  bitcoind-ipc-exporter,
  module,
}:
let
  inherit (bitcoind-ipc-exporter) bun nodeModules src;
  # Copied, not linked: Bun looks for packages from where a file really is.
  simulatedNode = runCommand "simulated-node" { } ''
    mkdir -p $out/test/nix
    cp -r ${src}/package.json ${src}/src $out
    cp -r ${../../demo} $out/demo
    cp ${./simulated-node.ts} $out/test/nix/simulated-node.ts
    ln -s ${nodeModules}/node_modules $out
  '';
in
testers.runNixOSTest {
  name = "bitcoind-ipc-exporter";

  nodes.machine = {
    imports = [ module ];

    users = {
      users.bitcoind = {
        isSystemUser = true;
        group = "bitcoind";
      };
      groups.bitcoind = { };
    };

    # As with a real node, only its user can open the folder.
    systemd.services.bitcoind = {
      description = "Simulated node";
      serviceConfig = {
        ExecStart = "${lib.getExe bun} ${simulatedNode}/test/nix/simulated-node.ts /var/lib/bitcoind/node.sock";
        User = "bitcoind";
        Restart = "on-failure";
        StateDirectory = "bitcoind";
        StateDirectoryMode = "0700";
      };
    };

    services.bitcoind-ipc-exporter = {
      enable = true;
      socketPath = "/var/lib/bitcoind/node.sock";
      user = "bitcoind";
      group = "bitcoind";
      after = [ "bitcoind.service" ];
      bindsTo = [ "bitcoind.service" ];
      pollInterval = 1;

      instances.as-root = {
        socketPath = "/var/lib/bitcoind/node.sock";
        metricsAddr = "127.0.0.1:9333";
      };
      instances.without-node = {
        socketPath = "/var/lib/missing/node.sock";
        metricsAddr = "127.0.0.1:9334";
      };
    };
  };

  testScript = ''
    def scrape(port):
        return f"curl --silent --fail http://127.0.0.1:{port}/metrics"

    machine.wait_for_unit("multi-user.target")

    with subtest("an exporter waits for a node that is not there"):
        machine.wait_until_succeeds(scrape(9334) + " | grep -x 'bitcoin_ipc_up 0'")

    with subtest("an exporter subscribes to its node"):
        machine.wait_until_succeeds(scrape(9332) + " | grep -x 'bitcoin_ipc_up 1'")
        machine.wait_until_succeeds(scrape(9332) + " | grep '^bitcoin_blocks_connected_total [1-9]'")
        machine.succeed(scrape(9332) + " | grep '^process_resident_memory_bytes [1-9]'")

    with subtest("root gets at the socket without all of its capabilities"):
        machine.wait_until_succeeds(scrape(9333) + " | grep -x 'bitcoin_ipc_up 1'")

    with subtest("an exporter that is stopped disconnects cleanly"):
        machine.succeed("systemctl stop bitcoind-ipc-exporter bitcoind-ipc-exporter-as-root")
        for unit in ["bitcoind-ipc-exporter", "bitcoind-ipc-exporter-as-root"]:
            machine.succeed(f"journalctl --unit {unit} | grep 'disconnected$'")
        machine.succeed("systemctl is-active bitcoind")

    with subtest("an exporter starts and stops with its node"):
        machine.succeed("systemctl restart bitcoind")
        machine.wait_until_succeeds(scrape(9332) + " | grep -x 'bitcoin_ipc_up 1'")
        machine.succeed("systemctl kill --signal KILL bitcoind")
        machine.wait_until_fails("systemctl is-active bitcoind-ipc-exporter")
        machine.wait_until_succeeds(scrape(9332) + " | grep -x 'bitcoin_ipc_up 1'")
        machine.succeed("systemctl stop bitcoind")
        machine.succeed("test $(systemctl show --property ActiveState --value bitcoind-ipc-exporter) = inactive")
        machine.succeed("journalctl --unit bitcoind | grep '0 unclean leaves, 0 fatal calls'")
        machine.fail("journalctl --unit bitcoind | grep '[1-9] unclean leaves'")
  '';
}
