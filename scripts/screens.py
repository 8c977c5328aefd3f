#!/usr/bin/python3
"""Draws a dashboard of grafana/dashboards as a PNG from the data of a Prometheus, without Grafana: the pictures in docs/screens.
Needs Debian's python3-matplotlib. CONTRIBUTING.md says how docs/screens was made.

    scripts/screens.py PROMETHEUS_URL DASHBOARD.json PICTURE.png [--rows TITLE,...] [--instance ADDRESS] [--minutes N]
"""

import argparse
import io
import json
import re
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

BACKGROUND, PANEL, GRID, TEXT, MUTED = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e8e8e"
COLORS = {"green": "#73bf69", "yellow": "#f2cc0c", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "purple": "#b877d9"}
SERIES = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d", "#ffb357", "#ff7383"]
COLUMNS = 24
WIDTH_PX, UNIT_PX, GAP_PX = 1400, 21, 4
POINTS = 240
RATE_INTERVAL = "15s"


class Prometheus:
    def __init__(self, url, instance, minutes):
        self.url, self.instance = url.rstrip("/"), instance
        self.end = time.time()
        self.start = self.end - 60 * minutes
        self.minutes = minutes

    def interpolate(self, expression):
        words = {"$__rate_interval": RATE_INTERVAL, "$__range": f"{self.minutes}m", "$instance": self.instance, "$chain": ".*"}
        for word, value in words.items():
            expression = expression.replace(word, value)
        return expression

    def ask(self, path, **parameters):
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)["data"]["result"]

    def now(self, expression):
        return [(s["metric"], float(s["value"][1])) for s in self.ask("query", query=self.interpolate(expression), time=self.end)]

    def range(self, expression):
        """Series with a value or None for each point of time, so that gaps are seen."""
        step = (self.end - self.start) / POINTS
        found = self.ask("query_range", query=self.interpolate(expression), start=self.start, end=self.end, step=step)
        times = [self.start + step * at for at in range(POINTS + 1)]
        series = []
        for one in found:
            values = {round((at - self.start) / step): float(value) for at, value in one["values"]}
            series.append((one["metric"], times, [values.get(at) for at in range(POINTS + 1)]))
        return series


def legend(target, metric):
    text = target["legendFormat"]
    if text == "__auto":
        return metric.get("__name__", "")
    return re.sub(r"{{(\w+)}}", lambda label: metric.get(label[1], ""), text).strip()


def scaled(value, base, units):
    for unit in units[:-1]:
        if abs(value) < base:
            break
        value /= base
    else:
        unit = units[-1]
    return f"{value:.3g}{unit}" if abs(value) < 1000 else f"{value:.0f}{unit}"


def shown(value, unit, decimals=None):
    """A value as Grafana would write it, or about so."""
    if unit == "percentunit":
        percent = value * 100
        return f"{percent:.2g}%" if 0 < abs(percent) < 1 else f"{percent:.{decimals if decimals is not None else 1}f}%"
    if unit == "s":
        for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.3g} s" if abs(value) >= 1 or value == 0 else f"{value * 1000:.3g} ms"
    if unit == "bytes":
        return scaled(value, 1024, [" B", " KiB", " MiB", " GiB"])
    if unit == "decbytes":
        return scaled(value, 1000, [" B", " kB", " MB", " GB"])
    if unit == "Hs":
        return scaled(value, 1000, [" H/s", " kH/s", " MH/s", " GH/s", " TH/s", " PH/s", " EH/s"])
    if unit.startswith("si:"):
        return scaled(value, 1000, [f" {prefix}{unit.removeprefix('si:')}" for prefix in ("", "k", "M", "G")])
    if unit == "Bps":
        return scaled(value, 1000, [" B/s", " kB/s", " MB/s"])
    if unit == "short":
        return f"{value:.2g}" if 0 < abs(value) < 0.01 else scaled(value, 1000, ["", "K", "M", "G", "T"])
    suffix = " " + unit.removeprefix("suffix:").strip() if unit.startswith("suffix:") else ""
    if decimals is None and (value == int(value) or abs(value) >= 1000):
        return f"{value:.0f}{suffix}"
    return f"{value:.{decimals}f}{suffix}" if decimals is not None else f"{value:.3g}{suffix}"


def step_color(steps, value):
    color = "text"
    for step in steps:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return COLORS.get(color, TEXT)


def mapped(mappings, value):
    """Text and color that a value is shown as, if any."""
    for mapping in mappings:
        option = mapping["options"].get(f"{value:g}")
        if option:
            return option["text"], COLORS.get(option.get("color"), TEXT)
    return None


class Picture:
    def __init__(self, width, height):
        self.width, self.height = width, height
        # (color, times) of the dashboard's annotations.
        self.annotations = []
        self.figure = plt.figure(figsize=(width / 100, height / 100), dpi=100, facecolor=BACKGROUND)

    def axes(self, x, y, w, h):
        """From pixels, counted from the top left."""
        axes = self.figure.add_axes((x / self.width, 1 - (y + h) / self.height, w / self.width, h / self.height))
        axes.set_facecolor("none")
        return axes

    def text(self, x, y, text, **options):
        options = {"color": TEXT, "fontsize": 8, "va": "top", **options}
        self.figure.text(x / self.width, 1 - y / self.height, text, **options)

    def box(self, x, y, w, h):
        self.figure.patches.append(
            FancyBboxPatch(
                (x / self.width, 1 - (y + h) / self.height), w / self.width, h / self.height,
                boxstyle="square,pad=0", facecolor=PANEL, edgecolor=GRID, linewidth=0.6, transform=self.figure.transFigure, zorder=-1,
            )
        )

    def save(self, file):
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", facecolor=BACKGROUND)
        Image.open(buffer).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(file, optimize=True)


def plain(axes):
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def time_axis(axes, prometheus, width=WIDTH_PX):
    axes.set_xlim(prometheus.start, prometheus.end)
    axes.xaxis.set_major_locator(MaxNLocator(4 if width > 300 else 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: time.strftime("%H:%M:%S", time.localtime(at))))
    axes.tick_params(colors=MUTED, labelsize=6.5, length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def colors_of(panel, names):
    """A color for each series: that of its override, or the next of the palette."""
    fixed = {
        override["matcher"]["options"]: one["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"] for one in override["properties"] if one["id"] == "color"
    }
    chosen = [fixed.get(name, SERIES[index % len(SERIES)]) for index, name in enumerate(names)]
    return [COLORS.get(color, color) for color in chosen]


def draw_timeseries(picture, prometheus, panel, x, y, w, h):
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    found = [(legend(t, m), times, v) for t in panel["targets"] for m, times, v in prometheus.range(t["expr"])]
    names = [name for name, _, _ in found]
    colors = colors_of(panel, names)
    is_right = panel["options"]["legend"]["placement"] == "right"
    legend_width = min(w / 2, 40 + 5.6 * max(map(len, names), default=0)) if is_right else 0
    axes = picture.axes(x + 62, y + 6, w - 72 - legend_width, h - (20 if is_right else 36))
    time_axis(axes, prometheus, w)
    axes.grid(color=GRID, linewidth=0.5)
    bottom = [0.0] * (POINTS + 1)
    for index, (name, times, values) in enumerate(found):
        color = colors[index]
        numbers = [float("nan") if v is None else v for v in values]
        if custom["drawStyle"] == "bars":
            axes.bar(times, [v or 0 for v in values], width=(times[1] - times[0]) * 0.8, color=color)
        elif custom["stacking"]["mode"] == "normal":
            # A gap is one for all series of the panel: the node was away.
            top = [low + (v or 0) if any(s[at] is not None for _, _, s in found) else float("nan") for at, (low, v) in enumerate(zip(bottom, values))]
            axes.fill_between(times, bottom, top, color=color, alpha=custom["fillOpacity"] / 100, linewidth=0)
            axes.plot(times, top, color=color, linewidth=0.9 * custom["lineWidth"])
            bottom = top
        else:
            axes.plot(times, numbers, color=color, linewidth=1.1)
    if custom["scaleDistribution"]["type"] == "log":
        axes.set_yscale("log")
    if "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
        low, high = axes.get_ylim()
        if high - low < 1e-9 or not any(v for _, _, values in found for v in values):
            axes.set_ylim(defaults["min"], 1)
    if custom["thresholdsStyle"]["mode"] == "dashed":
        high = axes.get_ylim()[1]
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None and step["value"] < high:
                axes.axhline(step["value"], color=COLORS[step["color"]], linewidth=0.8, linestyle="--")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: shown(v, defaults["unit"])))
    if custom["scaleDistribution"]["type"] != "log":
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=defaults["unit"] == "none"))
    for color, marks in picture.annotations:
        for at in marks:
            axes.axvline(at, color=color, linewidth=0.6, linestyle=":", alpha=0.7)
    if not panel["options"]["legend"]["showLegend"]:
        pass
    elif is_right:
        draw_legend_right(picture, x + w - legend_width, y + 6, h - 10, names, colors)
    else:
        draw_legend(picture, x + 10, y + h - 15, w - 20, names, colors)
    if not found:
        picture.text(x + w / 2, y + h / 2, "No data", color=MUTED, ha="center")


def draw_legend(picture, x, y, w, names, colors):
    at = x
    for name, color in zip(names, colors):
        width = 16 + 5.6 * len(name)
        if at + width > x + w:
            picture.text(at, y, "…", fontsize=7, color=MUTED)
            return
        picture.text(at, y, "━", fontsize=8, color=color)
        picture.text(at + 12, y, name, fontsize=7, color=TEXT)
        at += width + 6


def draw_legend_right(picture, x, y, h, names, colors):
    """A line for each series, as many as there is room for."""
    line = min(14, max(11, h / max(len(names), 1)))
    for index, (name, color) in enumerate(zip(names, colors)):
        if (index + 1) * line > h:
            picture.text(x + 8, y + (index - 0.2) * line, "…", fontsize=7, color=MUTED)
            return
        picture.text(x + 8, y + index * line, "━", fontsize=8, color=color)
        picture.text(x + 20, y + index * line, name, fontsize=6.5, color=TEXT)


def draw_stat(picture, prometheus, panel, x, y, w, h):
    defaults = panel["fieldConfig"]["defaults"]
    found = [(t, m, v) for t in panel["targets"] for m, v in prometheus.now(t["expr"])]
    if not found:
        return picture.text(x + w / 2, y + h / 2, "No data", color=MUTED, ha="center", va="center")
    if panel["options"]["graphMode"] == "area":
        for _, times, values in prometheus.range(panel["targets"][0]["expr"])[:1]:
            axes = picture.axes(x + 1, y + h * 0.55, w - 2, h * 0.45 - 1)
            plain(axes)
            known = [v for v in values if v is not None]
            axes.set_xlim(times[0], times[-1])
            axes.set_ylim(min(known), max(known) + 1e-9)
            numbers = [float("nan") if v is None else v for v in values]
            axes.fill_between(times, numbers, min(known), color=step_color(defaults["thresholds"]["steps"], known[-1]), alpha=0.25, linewidth=0)
    for index, (target, metric, value) in enumerate(found):
        text, color = mapped(defaults["mappings"], value) or (None, step_color(defaults["thresholds"]["steps"], value))
        name = legend(target, metric)
        text = text or (name if panel["options"]["textMode"] == "name" else shown(value, defaults["unit"], defaults.get("decimals")))
        center = x + w * (index + 0.5) / len(found)
        size = min(20, 0.95 * w / len(found) / max(len(text), 1))
        picture.text(center, y + h * 0.45, text, color=color, fontsize=size, ha="center", va="center", weight="bold")
        if len(found) > 1:
            picture.text(center, y + h * 0.8, name, color=MUTED, fontsize=7, ha="center", va="center")


def draw_bargauge(picture, prometheus, panel, x, y, w, h):
    defaults = panel["fieldConfig"]["defaults"]
    found = [(legend(t, m), v) for t in panel["targets"] for m, v in prometheus.now(t["expr"])]
    most = max([v for _, v in found], default=1) or 1
    line = (h - 10) / max(len(found), 1)
    for index, (name, value) in enumerate(found):
        top = y + index * line
        picture.text(x + 10, top + line / 2, name, fontsize=7.5, va="center")
        axes = picture.axes(x + 80, top + line * 0.2, w - 160, line * 0.6)
        plain(axes)
        axes.set_xlim(0, most)
        axes.barh([0], [most], color=GRID, height=1)
        axes.barh([0], [value], color=step_color(defaults["thresholds"]["steps"], value), height=1)
        text, color = mapped(defaults["mappings"], value) or (shown(value, defaults["unit"]), TEXT)
        picture.text(x + w - 74, top + line / 2, text, color=color, fontsize=7.5, va="center")


def draw_state_timeline(picture, prometheus, panel, x, y, w, h):
    defaults = panel["fieldConfig"]["defaults"]
    overrides = {o["matcher"]["options"]: o["properties"][0]["value"] for o in panel["fieldConfig"]["overrides"]}
    found = [(legend(t, m), times, v) for t in panel["targets"] for m, times, v in prometheus.range(t["expr"])]
    axes = picture.axes(x + 110, y + 6, w - 120, h - 26)
    time_axis(axes, prometheus)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_yticks(range(len(found)), [name for name, _, _ in found])
    for row, (name, times, values) in enumerate(found):
        step = times[1] - times[0]
        mappings = overrides.get(name, defaults["mappings"])
        for at, value in zip(times, values):
            if value is not None:
                _, color = mapped(mappings, value) or ("", step_color(defaults["thresholds"]["steps"], value))
                axes.broken_barh([(at, step)], (row - 0.35, 0.7), color=color, alpha=0.8, linewidth=0)


def draw_table(picture, prometheus, panel, x, y, w, h):
    joined, names, organized = (t["options"] for t in panel["transformations"])
    by, names, titles = joined["byField"], names["include"]["names"], organized["renameByName"]
    lines = {}
    for target in panel["targets"]:
        for metric, value in prometheus.now(target["expr"]):
            lines.setdefault(metric[by], {}).update({**metric, f"Value #{target['refId']}": value})
    overrides = {o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]} for o in panel["fieldConfig"]["overrides"]}
    weights = [2.0 if name in (by, "subversion") else 1.0 for name in names]
    edges = [x + 12 + (w - 24) * sum(weights[:i]) / sum(weights) for i in range(len(names))]
    for edge, name in zip(edges, names):
        picture.text(edge, y + 6, titles[name], color="#6e9fff", fontsize=7.5)
    for row, key in enumerate(sorted(lines)):
        for edge, name in zip(edges, names):
            value, how = lines[key].get(name, ""), overrides.get(titles[name], {})
            text, color = value, TEXT
            if isinstance(value, float):
                special = mapped(how.get("mappings", []), value)
                steps = how.get("thresholds", {}).get("steps", [])
                text, color = special or (shown(value, how.get("unit", "none")), step_color(steps, value))
            picture.text(edge, y + 32 + 24 * row, text, color=color, fontsize=7.5)


DRAW = {
    "timeseries": draw_timeseries, "stat": draw_stat, "bargauge": draw_bargauge,
    "state-timeline": draw_state_timeline, "table": draw_table,
}


def chosen(panels, titles):
    """Panels by the row they are in, in order: (row title, panels)."""
    rows = []
    for panel in panels:
        if panel["type"] == "row":
            rows.append((panel["title"], []))
        else:
            rows[-1][1].append(panel)
    return [row for row in rows if titles is None or row[0] in titles]


def marks_of(annotation, prometheus):
    """Times of the marks: where the expression becomes positive, or its values in milliseconds."""
    marks = []
    for _, times, values in prometheus.range(annotation["expr"]):
        if annotation["useValueForTime"]:
            marks += sorted({round(value / 1000 / 5) * 5 for value in values if value is not None and value / 1000 > prometheus.start})
        else:
            marks += [at for at, value, last in zip(times, values, [None, *values]) if value is not None and last is None]
    return marks


def draw(dashboard, prometheus, titles, file):
    rows = chosen(dashboard["panels"], titles)
    extent = lambda panels: max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) - min(p["gridPos"]["y"] for p in panels)
    height = sum(1 + extent(panels) for _, panels in rows) * UNIT_PX + 44
    picture = Picture(WIDTH_PX, height)
    picture.text(12, 12, dashboard["title"], fontsize=13, weight="bold")
    at = 160
    for annotation in dashboard["annotations"]["list"]:
        if annotation["enable"]:
            color = COLORS[annotation["iconColor"]]
            picture.annotations.append((color, marks_of(annotation, prometheus)))
            picture.text(at, 16, "┊", color=color, fontsize=9, weight="bold")
            picture.text(at + 10, 17, annotation["name"], color=MUTED, fontsize=7.5)
            at += 30 + 6 * len(annotation["name"])
    top = 40
    column = (WIDTH_PX - 2 * GAP_PX) / COLUMNS
    for title, panels in rows:
        picture.text(12, top + 3, f"⌄ {title}", fontsize=9.5, weight="bold")
        top += UNIT_PX
        first = min(panel["gridPos"]["y"] for panel in panels)
        for panel in panels:
            place = panel["gridPos"]
            x, y = GAP_PX + place["x"] * column + GAP_PX / 2, top + (place["y"] - first) * UNIT_PX + GAP_PX / 2
            w, h = place["w"] * column - GAP_PX, place["h"] * UNIT_PX - GAP_PX
            picture.box(x, y, w, h)
            picture.text(x + 10, y + 6, panel["title"], fontsize=8, weight="bold")
            DRAW[panel["type"]](picture, prometheus, panel, x, y + 20, w, h - 20)
        top += extent(panels) * UNIT_PX
    picture.save(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prometheus")
    parser.add_argument("dashboard")
    parser.add_argument("picture")
    parser.add_argument("--rows", type=lambda text: text.split(","))
    parser.add_argument("--instance", default=".*", help="address of the exporter; without it all, for the dashboard of many")
    parser.add_argument("--minutes", type=int, default=3)
    options = parser.parse_args()
    with open(options.dashboard, encoding="utf-8") as file:
        dashboard = json.load(file)
    draw(dashboard, Prometheus(options.prometheus, options.instance, options.minutes), options.rows, options.picture)


main()
