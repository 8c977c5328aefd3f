# A host with a node on the main chain and one on signet, and an exporter for each, as a NixOS configuration has them.
{
  services.bitcoind-ipc-exporter = {
    enable = true;
    socketPath = "/var/lib/bitcoind/node.sock";
    user = "bitcoind";
    group = "bitcoind";
    after = [ "bitcoind.service" ];
    bindsTo = [ "bitcoind.service" ];

    instances.signet = {
      socketPath = "/var/lib/bitcoind-signet/signet/node.sock";
      metricsAddr = "127.0.0.1:9333";
      user = "bitcoind-signet";
      group = "bitcoind-signet";
      after = [ "bitcoind-signet.service" ];
      bindsTo = [ "bitcoind-signet.service" ];
    };
  };
}
