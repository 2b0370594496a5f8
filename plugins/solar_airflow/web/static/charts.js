// Charts over time: uPlot with our colours, in UTC, with gaps where nothing is stored.

import { clock, day, element, figures, prefixFor } from "./shell.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);
const charts = new Set();
document.addEventListener("themechange", () => charts.forEach((chart) => chart.draw()));

/**
 * A figure with a caption, its newest values or those under the pointer, and a plot.
 *
 * series: {label, color (a CSS variable), fill, dash, of: (column values) => value, scale}
 * zeroMeans: what to say instead of a plot when all is zero
 * unit: "W" or "Wh", for values in thousands; or {label, format} for any other
 */
export class TimeChart {
  constructor(host, { title, note = "", unit, series, zeroMeans, axis = {} }) {
    Object.assign(this, { unit, series, axis, title, zeroMeans });
    this.unitText = element("small");
    this.values = series.map(() => element("b", {}, "–"));
    this.plot = element("div", { class: "plot" });
    this.empty = element("p", { class: "empty", hidden: true });
    const legend = series.map((item, index) =>
      element("li", {}, swatch(item), `${item.label} `, this.values[index]),
    );
    this.moment = element("span", { class: "moment" });
    host.classList.add("card");
    host.replaceChildren(
      element("figcaption", {}, element("h2", {}, title, " ", this.unitText), this.moment),
      element("ul", { class: "legend" }, legend),
      this.plot,
      this.empty,
    );
    if (note) host.append(element("p", { class: "note" }, note));
    this.host = host;
    charts.add(this);
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** ticks [s], and one array of values for each series. */
  show(ticks, columns) {
    const known = columns.flat().filter((value) => value !== null);
    const quiet = this.zeroMeans && known.length > 0 && known.every((value) => value === 0);
    this.hasData = known.length > 0 && !quiet;
    this.empty.textContent = quiet ? this.zeroMeans : "Nothing is stored yet.";
    this.scale = typeof this.unit === "string" ? prefixFor(largest(known)) : { factor: 1 };
    this.ticks = ticks;
    this.columns = columns.map((column) =>
      column.map((value) => (value === null ? null : value * this.scale.factor)),
    );
    this.unitText.textContent =
      typeof this.unit === "string" ? this.scale.prefix + this.unit : this.unit.label;
    this.draw();
  }

  draw() {
    this.uplot?.destroy();
    this.uplot = null;
    this.empty.hidden = this.hasData !== false;
    this.plot.hidden = this.hasData === false;
    if (!this.hasData || !this.plot.clientWidth) return;
    const size = { width: this.plot.clientWidth, height: this.plot.clientHeight };
    this.uplot = new uPlot(this.options(size), [this.ticks, ...this.columns], this.plot);
    this.tell(null);
  }

  options(size) {
    const font = `${Math.round(rem() * 0.75)}px system-ui, sans-serif`;
    const look = {
      stroke: css("--muted"),
      font,
      grid: { stroke: css("--line"), width: 1 },
      ticks: { show: false },
    };
    const long = this.ticks.at(-1) - this.ticks[0] > 2 * 86400;
    return {
      ...size,
      padding: [rem() * 0.5, rem() * 0.75, 0, 0],
      legend: { show: false },
      tzDate: (second) => uPlot.tzDate(new Date(second * 1000), "Etc/UTC"),
      cursor: {
        sync: { key: "time" },
        drag: { x: false, y: false },
        points: { size: rem() * 0.5 },
      },
      hooks: { setCursor: [(plot) => this.tell(plot.cursor.idx)] },
      scales: { x: { time: true }, y: { range: this.axis.range ?? fromZero, ...this.axis.scale } },
      axes: [
        {
          ...look,
          size: rem() * 1.6,
          gap: 6,
          space: rem() * (long ? 5 : 3.5),
          incrs: [3600, 10800, 21600, 43200, 86400],
          values: (_, seconds) => seconds.map((at) => (long ? dayOrHour(at) : clock(at))),
        },
        {
          ...look,
          size: (plot, labels) =>
            rem() + Math.max(0, ...(labels ?? []).map((label) => label.length)) * rem() * 0.42,
          space: rem() * 2.2,
          values: (_, values) => values.map((value) => this.format(value)),
          ...this.axis.y,
        },
      ],
      series: [{}, ...this.series.map((item) => this.lineOf(item))],
    };
  }

  lineOf(item) {
    const color = css(item.color);
    return {
      stroke: color,
      width: 2,
      dash: item.dash,
      fill: item.fill && `${color}${item.fill}`,
      paths: item.bars ? uPlot.paths.bars({ size: [0.8, rem()] }) : undefined,
      // a tick without neighbours would be an invisible line
      points: { show: !item.bars, size: rem() * 0.35, fill: color, filter: lonely },
    };
  }

  tell(index) {
    const at = index ?? lastKnown(this.columns);
    this.columns.forEach((column, position) => {
      const value = at === null ? null : column[at];
      this.values[position].textContent =
        value === null || value === undefined ? "–" : this.format(value, true);
    });
    this.moment.textContent = at === null ? "" : `${day(this.ticks[at])} ${clock(this.ticks[at])}`;
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute(
      "aria-label",
      `${this.title}: ${this.host.querySelector("ul").innerText}`,
    );
  }

  format(value, exact = false) {
    if (this.unit.format) return this.unit.format(value, exact);
    return exact ? figures(Math.abs(value)) : trimmed(Math.abs(value));
  }
}

function swatch({ color, dash, fill, bars }) {
  const shape = bars ? "block" : fill ? "area" : dash ? "dashed" : "line";
  return element("i", { class: `swatch ${shape}`, style: `--color: var(${color})` });
}

const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const trimmed = (value) => String(Number(value.toPrecision(6)));
const dayOrHour = (second) =>
  second % 86400 === 0 ? day(second).replace(/^\w+,? /, "") : clock(second);

function fromZero(_, low, high) {
  const top = Math.max(high, 0);
  const bottom = Math.min(low, 0);
  const room = (top - bottom || 1) * 0.06;
  return [bottom && bottom - room, top || bottom === 0 ? top + room : room];
}

function lonely(plot, series) {
  const values = plot.data[series];
  const alone = (at) => values[at] != null && values[at - 1] == null && values[at + 1] == null;
  return [...values.keys()].filter(alone);
}

function lastKnown(columns) {
  for (let at = columns[0].length - 1; at >= 0; at--) {
    if (columns[0][at] !== null) return at;
  }
  return null;
}
