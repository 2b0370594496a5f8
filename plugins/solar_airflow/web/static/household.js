// One household: its system, its last days, its battery, and whether it was set aside.

import { EnergyCharts, chosenRange } from "./energy.js";
import { searchBox } from "./household_search.js";
import {
  ask,
  banner,
  clock,
  count,
  day,
  element,
  keepFresh,
  percent,
  sentence,
  tile,
  withUnit,
} from "./shell.js";

const find = (id) => document.getElementById(id);
const id = new URLSearchParams(location.search).get("id") ?? "";
const charts = new EnergyCharts("Battery");
let told = null;

async function look() {
  try {
    told = await ask(`solar/households/${encodeURIComponent(id)}`);
  } catch (error) {
    document.body.classList.add(told ? "stale" : "blank");
    return banner(
      error.status === 422
        ? `${id || "nothing"} is no household's id, which is a UUID`
        : error.message,
    );
  }
  document.body.classList.remove("stale", "blank");
  const known = told.energy.generation_kwh.some((value) => value !== null);
  banner(
    !known && "No tick of the last seven days has a row of this household",
    !known && "Is its id right, and has it solar panels?",
  );
  show();
}

function show() {
  charts.show(chosenRange(told.energy));
  find("days").replaceChildren(
    element("h2", {}, "By day ", element("small", {}, "UTC")),
    daysTable(),
  );
  find("aside").replaceChildren(
    element("h2", {}, "Set aside ", element("small", {}, "seven days")),
    asideTable(),
  );
}

function daysTable() {
  const { energy } = told;
  const days = new Map();
  energy.tick.forEach((tick, at) => {
    if (energy.generation_kwh[at] === null) return;
    const start = tick - (tick % 86400);
    const sums = days.get(start) ?? {
      ticks: 0,
      generation_kwh: 0,
      consumption_kwh: 0,
      grid_import_kwh: 0,
      grid_export_kwh: 0,
    };
    for (const name of Object.keys(sums))
      sums[name] += name === "ticks" ? 1 : (energy[name][at] ?? 0);
    days.set(start, sums);
  });
  const heads = ["Day", "Ticks", "Generated", "Consumed", "Imported", "Exported", "Own supply"];
  const row = ([start, sums]) => {
    const own = sums.consumption_kwh
      ? Math.max(0, 1 - sums.grid_import_kwh / sums.consumption_kwh)
      : null;
    const cells = [
      count(sums.ticks),
      ...["generation_kwh", "consumption_kwh", "grid_import_kwh", "grid_export_kwh"].map((name) =>
        withUnit(sums[name], "Wh"),
      ),
      own === null ? "–" : percent(own),
    ];
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, day(start)),
      cells.map((cell) => element("td", { class: "number" }, cell)),
    );
  };
  if (!days.size) return element("p", { class: "empty" }, "Nothing is stored yet.");
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map((head) => element("th", { scope: "col" }, head)),
        ),
      ),
      element("tbody", {}, [...days].reverse().map(row)),
    ),
  );
}

function asideTable() {
  if (!told.set_aside.length) return element("p", { class: "empty" }, "It was not set aside.");
  const row = ({ tick, stage, reasons }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${day(tick)} ${clock(tick)}`),
      element("td", {}, stage),
      element("td", {}, reasons.join("; ")),
    );
  return element("table", {}, element("tbody", {}, told.set_aside.map(row)));
}

async function showSystem() {
  let tiles;
  try {
    const { system } = await ask(`solar/households/${encodeURIComponent(id)}/system`);
    tiles = system
      ? systemTiles(system)
      : [tile("System", "none", "the household query does not find it now")];
  } catch (error) {
    if (error.status === 422) return;
    tiles = [tile("System", "unknown", sentence(error.message))];
  }
  find("tiles").replaceChildren(...tiles);
}

function systemTiles(system) {
  const plain = (value, unit) => `${Number(Number(value).toFixed(2))} ${unit}`;
  const peak = (system.panel_wattage * system.panel_count) / 1000;
  const battery = Number(system.battery_capacity_kwh);
  const turned =
    system.tilt_deg === null || system.tilt_deg === undefined
      ? "turned as the site says"
      : `tilt ${plain(system.tilt_deg, "°")}, azimuth ${system.azimuth_deg === null ? "of the site" : plain(system.azimuth_deg, "°")}`;
  const placed = system.latitude !== null && system.latitude !== undefined;
  return [
    tile(
      "Panels",
      plain(peak, "kWp"),
      `${count(system.panel_count)} of ${plain(system.panel_wattage, "W")}`,
    ),
    tile("Inverter", plain(system.inverter_capacity_kw, "kW"), turned),
    tile("Battery", battery ? plain(battery, "kWh") : "none", chargeNow(battery)),
    tile("People", count(system.household_size), ""),
    tile(
      "Place",
      placed
        ? `${Number(system.latitude).toFixed(2)}°, ${Number(system.longitude).toFixed(2)}°`
        : "the site",
      system.timezone ?? "time zone of the site",
    ),
  ];
}

function chargeNow(capacity) {
  const at = told?.energy.battery_soc_kwh.findLastIndex((value) => value !== null) ?? -1;
  if (!capacity || at < 0) return "";
  return `${Math.round((100 * told.energy.battery_soc_kwh[at]) / capacity)} % full at ${clock(told.energy.tick[at] + 900)}`;
}

find("household").textContent = id;
find("range").addEventListener("change", () => told && show());
searchBox();
await look();
await showSystem();
keepFresh(look, 60);
