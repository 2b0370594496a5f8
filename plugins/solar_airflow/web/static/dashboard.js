// The first page: seven days of the community, read once, refreshed every half minute.

import { TimeChart } from "./charts.js";
import { EnergyCharts, asPower, chosenRange } from "./energy.js";
import { searchBox } from "./household_search.js";
import { LedgerGrid } from "./ledger.js";
import {
  ask,
  banner,
  clock,
  count,
  day,
  duration,
  element,
  figures,
  keepFresh,
  percent,
  prefixFor,
  sentence,
  tile,
  withUnit,
} from "./shell.js";
import { openTick, watch } from "./tick_panel.js";

const find = (id) => document.getElementById(id);
const charts = new EnergyCharts();
const served = new TimeChart(find("served"), {
  title: "Households set aside",
  zeroMeans: "Nobody was set aside.",
  unit: { label: "per tick", format: count },
  series: [{ label: "Set aside", color: "--aside", bars: true, fill: "ff" }],
  axis: { y: { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5] } },
});
const cycles = new TimeChart(find("cycles"), {
  title: "Cycle time",
  unit: { label: "from a tick's start to the end of its run", format: duration },
  series: [
    { label: "Cycle", color: "--consumption" },
    { label: "Limit", color: "--bad", dash: [6, 4] },
  ],
  axis: {
    scale: { distr: 3, log: 10 },
    range: (_, low, high) => [Math.min(1, low), Math.max(600, high * 1.2)],
    y: { splits: () => [1, 10, 60, 300, 3600], filter: (_, splits) => splits },
  },
});
const ledger = new LedgerGrid(find("ledger"), openTick);

let overview = null;

async function look() {
  health();
  try {
    overview = await ask("solar/overview");
  } catch (error) {
    const since = overview ? `What you see is from ${clock(overview.now)} UTC.` : "";
    const hint =
      error.status === 503 ? "`solar doctor` tells what is missing and how to mend it." : "";
    document.body.classList.toggle("stale", overview !== null);
    document.body.classList.toggle("blank", overview === null);
    return banner(error.message, [since, hint].filter(Boolean).join(" "));
  }
  document.body.classList.remove("stale", "blank");
  const first = overview.ledger.state.every((state) =>
    ["before", "future", "pending"].includes(state),
  );
  banner(
    first && "No tick has been run yet",
    first && "The first cycle fills this page. Is the DAG solar_simulation switched on?",
  );
  find("updated").textContent = `${day(overview.now)}, ${clock(overview.now)} UTC`;
  show();
}

function show() {
  const energy = chosenRange(overview.energy);
  charts.show(energy);
  served.show(energy.tick, [energy.households_quarantined]);
  showCycles(energy.tick);
  ledger.show(overview.ledger);
  watch(overview.ledger, look);
  find("tiles").replaceChildren(...tiles());
  find("tasks").replaceChildren(...tasks());
}

function showCycles(ticks) {
  const { limit_s: limit, cycles: known } = overview.cycles;
  const seconds = new Map(known.tick.map((tick, index) => [tick, known.seconds[index]]));
  cycles.show(ticks, [ticks.map((tick) => seconds.get(tick) ?? null), ticks.map(() => limit)]);
}

function tiles() {
  const { energy, now } = overview;
  const at = energy.rows_inserted.findLastIndex((rows) => rows !== null);
  if (at < 0) return [];
  const of = (name) => energy[name][at];
  const midnight = now - (now % 86400);
  const today = (name) =>
    energy[name].reduce(
      (sum, value, index) => sum + (energy.tick[index] >= midnight ? (value ?? 0) : 0),
      0,
    );
  const kw = (name) => withUnit(asPower(of(name)), "W");
  const flow = asPower(of("battery_charge_kwh") - of("battery_discharge_kwh"));
  const net = asPower(of("grid_import_kwh") - of("grid_export_kwh"));
  const asked = of("households_queried") ?? of("rows_inserted");
  return [
    tile(
      "Newest tick",
      `${clock(energy.tick[at])} UTC`,
      `began ${duration(now - energy.tick[at])} ago`,
    ),
    tile("Generation", kw("generation_kwh"), `${withUnit(today("generation_kwh"), "Wh")} today`),
    tile("Consumption", kw("consumption_kwh"), `${withUnit(today("consumption_kwh"), "Wh")} today`),
    tile(
      "Batteries",
      withUnit(of("battery_soc_kwh"), "Wh"),
      `${flow < 0 ? "giving" : "taking"} ${withUnit(Math.abs(flow), "W")}`,
    ),
    tile(
      net < 0 ? "Net export" : "Net import",
      withUnit(Math.abs(net), "W"),
      exchanged(today("grid_import_kwh"), today("grid_export_kwh")),
    ),
    tile(
      "Households",
      count(of("rows_inserted")),
      asked
        ? `${percent(of("rows_inserted") / asked)} of ${count(asked)} served`
        : "nobody was asked for",
    ),
  ];
}

function exchanged(taken, given) {
  const { factor, prefix } = prefixFor(Math.max(taken, given));
  return `+${figures(taken * factor)} −${figures(given * factor)} ${prefix}Wh today`;
}

function tasks() {
  const { tasks: rows, limit_s: limit } = overview.cycles;
  const title = element("h2", {}, "Cycle time by task ", element("small", {}, "seven days"));
  if (!rows.length)
    return [
      title,
      element("p", { class: "empty" }, "No cycle has run in its own quarter of an hour yet."),
    ];
  const number = (seconds) => element("td", { class: "number" }, duration(seconds));
  const row = ({ task, median_s: median, p95_s: p95, longest_s: longest }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, task || "before the first task"),
      number(median),
      number(p95),
      number(longest),
      element("td", { class: "number" }, percent(longest / limit)),
    );
  const heads = ["Task", "Median", "95 %", "Longest", "of the limit"].map((head) =>
    element("th", { scope: "col" }, head),
  );
  return [
    title,
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, heads)),
        element("tbody", {}, rows.map(row)),
      ),
    ),
    element("p", { class: "note" }, `The limit of ${duration(limit)} is for the whole cycle.`),
  ];
}

const SIGNS = { healthy: "✓", degraded: "!", unhealthy: "✕", unknown: "?" };

async function health() {
  const place = find("health");
  try {
    const told = await ask("solar/health");
    place.dataset.status = told.status;
    place.querySelector("summary").textContent = `${SIGNS[told.status]} ${told.status}`;
    const check = ([name, { status, words }]) =>
      element(
        "li",
        { "data-status": status },
        element("b", {}, `${SIGNS[status]} ${name.replaceAll("_", " ")}`),
        ` ${sentence(words)}`,
      );
    place.querySelector("ul").replaceChildren(...Object.entries(told.checks).map(check));
  } catch (error) {
    place.dataset.status = "unknown";
    place.querySelector("summary").textContent = "? unknown";
    place.querySelector("ul").replaceChildren(element("li", {}, sentence(error.message)));
  }
}

find("range").addEventListener("change", () => overview && show());
searchBox();
await look();
keepFresh(look);
const wanted = new URLSearchParams(location.search).get("tick");
if (wanted) openTick(Date.parse(wanted) / 1000);
