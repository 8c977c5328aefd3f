// Queries of the chosen nodes, for both dashboards.

/** Queries of the nodes that `matcher` selects, such as `instance="$instance"`. */
export function nodeQueries(matcher: string) {
  const of = (family: string, further = "") => `${family}{${matcher}${further === "" ? "" : `, ${further}`}}`;
  return {
    /** The series of a family. */
    of,
    rate: (family: string, further = "") => `rate(${of(family, further)}[$__rate_interval])`,
    increase: (family: string, range = "$__rate_interval") => `increase(${of(family)}[${range}])`,
    /** The value that a share of a histogram's samples does not exceed. */
    quantile: (share: number, family: string, range = "$__rate_interval") =>
      `histogram_quantile(${share}, sum by (instance, le) (rate(${of(`${family}_bucket`)}[${range}])))`,
    tipAge: `time() - ${of("bitcoin_tip_timestamp_seconds")}`,
    blocksBehind: `clamp_min(${of("bitcoin_header_height")} - ${of("bitcoin_chain_height")}, 0)`,
    mempoolUsed: `${of("bitcoin_mempool_bytes")} / ${of("bitcoin_mempool_max_bytes")}`,
  };
}
