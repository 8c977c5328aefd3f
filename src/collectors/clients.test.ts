import { expect, test } from "bun:test";
import { collected } from "../../test/builders/collected.ts";
import { clientsCollector } from "./clients.ts";

const clients = collected(clientsCollector);

/** The samples that are not 0, once the node answered with these peers. */
function read(...peers: object[]): Record<string, string> {
  return Object.fromEntries(Object.entries(clients.read("getpeerinfo", peers)).filter(([, value]) => value !== "0"));
}

test("clients are counted by the major version of Bitcoin Core", () => {
  const agents = ["/Satoshi:32.0.0/", "/Satoshi:31.99.0/", "/Satoshi:31.1.0(a comment)/", "/Satoshi:23.0.0/"];
  expect(read(...agents.map((subver) => ({ subver })))).toMatchObject({
    'bitcoin_peers_by_client{client="Satoshi:32"}': "1",
    'bitcoin_peers_by_client{client="Satoshi:31"}': "2",
    'bitcoin_peers_by_client{client="Satoshi:23"}': "1",
  });
});

test("older versions, other clients, and free text are other", () => {
  const agents = [
    "/Satoshi:22.0.0/",
    "/Satoshi:0.21.1/",
    "/Satoshi:33.0.0/",
    "/Satoshi:28.1.0/Knots:20250305/",
    "/btcwire:0.5.0/btcd:0.24.2/",
    "Satoshi:30.0.0",
    "",
  ];
  const samples = read(...agents.map((subver) => ({ subver })), {});
  expect(samples).toMatchObject({ 'bitcoin_peers_by_client{client="other"}': String(agents.length + 1) });
  expect(Object.keys(samples).filter((series) => series.includes("Satoshi"))).toEqual([]);
});

test("protocol versions and services that are not listed are no series of their own", () => {
  expect(
    read(
      { version: 70016, servicesnames: ["NETWORK", "WITNESS"] },
      { version: 70017, servicesnames: ["WITNESS", "BLOOM"] },
      { version: 31800, servicesnames: [] },
      {},
    ),
  ).toEqual({
    'bitcoin_peers_by_client{client="other"}': "4",
    'bitcoin_peers_by_protocol{protocol="70016"}': "1",
    'bitcoin_peers_by_protocol{protocol="70017"}': "1",
    'bitcoin_peers_by_protocol{protocol="other"}': "2",
    'bitcoin_peers_by_service{service="NETWORK"}': "1",
    'bitcoin_peers_by_service{service="WITNESS"}': "2",
  });
});
