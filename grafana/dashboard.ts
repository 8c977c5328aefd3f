// Builds dashboards as the JSON that Grafana 10 and later read: panels by type, placed in rows from left to right. The
// settings that all panels share are here.

/** The documents that dashboards link to. */
const DOCS = "https://github.com/OWNER/bitcoind-ipc-exporter/blob/main";
const DATASOURCE = { type: "prometheus", uid: "$datasource" } as const;
const COLUMNS = 24;
/** The schema of Grafana 11; later versions migrate it. */
const SCHEMA_VERSION = 39;

export interface Query {
  readonly expr: string;
  /** Name of a series, such as `{{reason}}`. */
  readonly legend?: string;
  /** Queries one moment instead of the time range: for panels that show one value. */
  readonly instant?: boolean;
}

/** The color from `value` on. The first step has no value. */
export interface Step {
  readonly color: "green" | "yellow" | "orange" | "red" | "blue" | "text" | "transparent";
  readonly value?: number;
}

export interface Mapping {
  readonly text: string;
  readonly color?: Step["color"];
}

export interface PanelOptions {
  readonly title: string;
  readonly description: string;
  /** A unit as Grafana names it. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** `width` in 24ths of the dashboard's width, `height` in units of 30 pixels. */
  readonly width: number;
  readonly height?: number;
  readonly steps?: readonly Step[];
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  /** Value → text and color to show for it. */
  readonly mappings?: Readonly<Record<string, Mapping>>;
  readonly overrides?: readonly Override[];
}

export interface Override {
  readonly matcher: { readonly id: "byName" | "byRegexp"; readonly options: string };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

export interface TimeseriesOptions extends PanelOptions {
  /** `filled` suits a stack of many series, whose colors carry the meaning. */
  readonly stack?: boolean | "filled";
  /** Bars for events, lines for the rest. */
  readonly bars?: boolean;
  /** Draws the steps as lines. */
  readonly showSteps?: boolean;
  /** Right suits graphs with many series, none those with the colors of another graph. */
  readonly legendAt?: "bottom" | "right" | "none";
  readonly logarithmic?: boolean;
}

/** A panel before it is placed in its row. */
export interface Panel {
  readonly type: string;
  readonly width: number;
  readonly height: number;
  readonly json: Readonly<Record<string, unknown>>;
}

const PLAIN: readonly Step[] = [{ color: "green" }];

function panel(type: string, options: PanelOptions, rest: { custom?: object; options: object; color?: object }): Panel {
  const { title, description, unit, queries, width, height = 8, steps = PLAIN, decimals, min, max } = options;
  const { mappings = {}, overrides = [] } = options;
  return {
    type,
    width,
    height,
    json: {
      title,
      description,
      datasource: DATASOURCE,
      targets: queries.map(({ expr, legend, instant = false }, index) => ({
        refId: String.fromCharCode("A".charCodeAt(0) + index),
        datasource: DATASOURCE,
        editorMode: "code",
        expr,
        legendFormat: legend ?? "__auto",
        instant,
        range: !instant,
        ...(type === "table" && { format: "table" }),
      })),
      fieldConfig: {
        defaults: {
          unit,
          color: rest.color ?? { mode: "palette-classic" },
          thresholds: {
            mode: "absolute",
            steps: steps.map(({ color, value = null }) => ({ color, value })),
          },
          mappings: Object.keys(mappings).length === 0 ? [] : [{ type: "value", options: mappings }],
          ...(decimals !== undefined && { decimals }),
          ...(min !== undefined && { min }),
          ...(max !== undefined && { max }),
          ...(rest.custom && { custom: rest.custom }),
        },
        overrides,
      },
      options: rest.options,
    },
  };
}

/** Values over time. */
export function timeseries(options: TimeseriesOptions): Panel {
  const { stack = false, bars = false, showSteps = false, legendAt = "bottom", logarithmic = false } = options;
  return panel("timeseries", options, {
    custom: {
      drawStyle: bars ? "bars" : "line",
      lineWidth: bars || stack === "filled" ? 0 : 1,
      fillOpacity: bars || stack === "filled" ? 80 : stack ? 40 : 8,
      showPoints: "never",
      spanNulls: false,
      stacking: { mode: stack ? "normal" : "none", group: "A" },
      thresholdsStyle: { mode: showSteps ? "dashed" : "off" },
      scaleDistribution: logarithmic ? { type: "log", log: 10 } : { type: "linear" },
    },
    options: {
      legend: {
        displayMode: "list",
        placement: legendAt === "none" ? "bottom" : legendAt,
        showLegend: legendAt !== "none",
        calcs: [],
      },
      tooltip: { mode: "multi", sort: stack === "filled" ? "none" : "desc" },
    },
  });
}

/** One large value per series, in the color of its step. `name` shows the series' name instead. */
export function stat(options: PanelOptions & { readonly show?: "value" | "name"; readonly graph?: boolean }): Panel {
  const { show = "value", graph = false } = options;
  return panel(
    "stat",
    { height: 4, ...options },
    {
      color: { mode: "thresholds" },
      options: {
        colorMode: "value",
        graphMode: graph ? "area" : "none",
        justifyMode: "auto",
        orientation: "auto",
        textMode: show,
        reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      },
    },
  );
}

/** A bar per series, in the order of the queries. */
export function bargauge(options: PanelOptions): Panel {
  return panel("bargauge", options, {
    color: { mode: "thresholds" },
    options: {
      displayMode: "basic",
      orientation: "horizontal",
      showUnfilled: true,
      valueMode: "color",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    },
  });
}

/** States over time, a line per series. */
export function stateTimeline(options: PanelOptions): Panel {
  return panel("state-timeline", options, {
    color: { mode: "thresholds" },
    custom: { fillOpacity: 80, lineWidth: 0 },
    options: {
      alignValue: "left",
      mergeValues: true,
      rowHeight: 0.8,
      showValue: "auto",
      legend: { displayMode: "list", placement: "bottom", showLegend: false },
      tooltip: { mode: "single", sort: "none" },
    },
  });
}

export interface Column {
  /** The label, or the refId of the query, that the column shows. */
  readonly from: string;
  readonly title: string;
  readonly unit?: string;
  readonly steps?: readonly Step[];
  readonly mappings?: Readonly<Record<string, Mapping>>;
}

/** A line per value of the label `by`. Shows the columns listed, and no other label or query. */
export function table(options: PanelOptions & { readonly by: string; readonly columns: readonly Column[] }): Panel {
  const { by, columns, queries } = options;
  const nameOf = ({ from }: Column) => (/^[A-Z]$/.test(from) && queries.length > 1 ? `Value #${from}` : from);
  const names = columns.map(nameOf);
  const base = panel(
    "table",
    {
      ...options,
      overrides: columns.map(({ title, unit, steps, mappings }) => ({
        matcher: { id: "byName", options: title },
        properties: [
          ...(unit === undefined ? [] : [{ id: "unit", value: unit }]),
          ...(mappings === undefined ? [] : [{ id: "mappings", value: [{ type: "value", options: mappings }] }]),
          ...(steps === undefined
            ? []
            : [
                { id: "thresholds", value: { mode: "absolute", steps: steps.map((s) => ({ value: null, ...s })) } },
                { id: "custom.cellOptions", value: { type: "color-text" } },
              ]),
        ],
      })),
    },
    {
      color: { mode: "thresholds" },
      custom: { align: "auto", filterable: true, cellOptions: { type: "auto" } },
      options: { showHeader: true, cellHeight: "sm", sortBy: [{ displayName: columns[0]!.title, desc: false }] },
    },
  );
  const transformations = [
    { id: "joinByField", options: { byField: by, mode: "outer" } },
    { id: "filterFieldsByName", options: { include: { names } } },
    {
      id: "organize",
      options: {
        indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
        renameByName: Object.fromEntries(columns.map((column) => [nameOf(column), column.title])),
      },
    },
  ];
  return { ...base, json: { ...base.json, transformations } };
}

/** Shows texts and colors for the values of one series. */
export function mappedSeries(name: string, options: Readonly<Record<string, Mapping>>): Override {
  return overrideOf(name, { id: "mappings", value: [{ type: "value", options }] });
}

/** Draws one series in a color, such as "#5794f2". */
export function coloredSeries(name: string, color: string): Override {
  return overrideOf(name, { id: "color", value: { mode: "fixed", fixedColor: color } });
}

function overrideOf(name: string, property: { id: string; value: unknown }): Override {
  return { matcher: { id: "byName", options: name }, properties: [property] };
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** A query function of Grafana's Prometheus data source. */
  readonly query: string;
  /** Its first group extracts the value from each result. */
  readonly regex?: string;
  readonly multi: boolean;
  /** Value of "All"; every option by default. */
  readonly allValue?: string;
}

/** A mark on every graph, while the expression is above 0. */
export interface Annotation {
  readonly name: string;
  readonly color: string;
  /** Of each mark. */
  readonly title: string;
  readonly expr: string;
  /** Whether a mark is at the time of the sample, or at the time that is its value, in Unix milliseconds. */
  readonly at: "sample" | "value";
  /** Whether it is on at first; it is by default. */
  readonly isShown?: boolean;
}

export interface DashboardOptions {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly annotations?: readonly Annotation[];
  readonly rows: readonly Row[];
  /** Links to the other dashboards that have this tag. */
  readonly tag: string;
}

/** The dashboard as JSON for Grafana. */
export function dashboard(options: DashboardOptions): object {
  const { uid, title, description, variables, annotations = [], rows, tag } = options;
  return {
    uid,
    title,
    description,
    tags: [tag],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "1m",
    time: { from: "now-24h", to: "now" },
    timepicker: {},
    timezone: "",
    weekStart: "",
    fiscalYearStartMonth: 0,
    annotations: { list: annotations.map(annotation) },
    links: [
      link({ type: "dashboards", title: "Bitcoin dashboards", tags: [tag], includeVars: false }),
      link({ title: "METRICS.md", url: `${DOCS}/METRICS.md`, tooltip: "Meaning of each metric" }),
      link({ title: "Runbooks", url: `${DOCS}/docs/runbooks.md`, tooltip: "What to do about each alert" }),
    ],
    templating: { list: [datasourceVariable(), ...variables.map(queryVariable)] },
    panels: place(rows),
  };
}

function annotation({ name, color, title, expr, at, isShown = true }: Annotation): object {
  return {
    name,
    datasource: DATASOURCE,
    enable: isShown,
    hide: false,
    iconColor: color,
    expr,
    titleFormat: title,
    textFormat: "",
    tagKeys: "",
    useValueForTime: at === "value",
  };
}

function link(of: { title: string; type?: string; url?: string; tags?: string[]; [other: string]: unknown }): object {
  return {
    type: "link",
    icon: of.type === "dashboards" ? "dashboard" : "doc",
    url: "",
    tags: [],
    tooltip: "",
    asDropdown: false,
    includeVars: false,
    keepTime: true,
    targetBlank: of.type !== "dashboards",
    ...of,
  };
}

function datasourceVariable(): object {
  return { name: "datasource", label: "Data source", type: "datasource", query: "prometheus", refresh: 1, hide: 0 };
}

function queryVariable({ name, label, description, query, regex = "", multi, allValue }: Variable): object {
  return {
    name,
    label,
    description,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    regex,
    multi,
    includeAll: multi,
    ...(allValue !== undefined && { allValue }),
    ...(multi && { current: { text: ["All"], value: ["$__all"] } }),
    // Refreshed when the time range changes, because the nodes depend on it.
    refresh: 2,
    sort: 1,
    hide: 0,
  };
}

/** Numbers and places the panels: rows from top to bottom, panels from left to right. */
function place(rows: readonly Row[]): object[] {
  const panels: object[] = [];
  const add = (type: string, json: object, gridPos: { x: number; y: number; w: number; h: number }) =>
    panels.push({ id: panels.length + 1, type, gridPos, ...json });
  let y = 0;
  for (const row of rows) {
    add("row", { title: row.title, collapsed: false, panels: [] }, { x: 0, y, w: COLUMNS, h: 1 });
    y++;
    let x = 0;
    let lineHeight = 0;
    for (const { type, width, height, json } of row.panels) {
      if (x + width > COLUMNS) {
        y += lineHeight;
        x = lineHeight = 0;
      }
      add(type, json, { x, y, w: width, h: height });
      x += width;
      lineHeight = Math.max(lineHeight, height);
    }
    y += lineHeight;
  }
  return panels;
}
