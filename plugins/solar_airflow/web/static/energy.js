// The three charts of energy that a community and a household share.

import { TimeChart } from "./charts.js";

const PER_HOUR = 4; // the energy of a quarter of an hour [kWh], as mean power [kW]
export const asPower = (energy) => energy * PER_HOUR;

export class EnergyCharts {
  /** Hosts: elements with the ids power, grid and battery. */
  constructor(battery = "Batteries") {
    this.power = new TimeChart(document.getElementById("power"), {
      title: "Generation and consumption",
      unit: "W",
      series: [
        { label: "Generation", color: "--generation", fill: "33" },
        { label: "Consumption", color: "--consumption" },
      ],
    });
    this.grid = new TimeChart(document.getElementById("grid"), {
      title: "Grid",
      unit: "W",
      series: [
        { label: "Import, above zero", color: "--import", fill: "33" },
        { label: "Export, below", color: "--export", fill: "33", dash: [6, 3] },
      ],
    });
    this.battery = new TimeChart(document.getElementById("battery"), {
      title: battery,
      unit: "Wh",
      zeroMeans: "No energy is stored.",
      series: [{ label: "Stored", color: "--battery", fill: "33" }],
    });
  }

  show(energy) {
    const column = (name, change) =>
      energy[name].map((value) => (value === null ? null : change(value)));
    this.power.show(energy.tick, [
      column("generation_kwh", asPower),
      column("consumption_kwh", asPower),
    ]);
    this.grid.show(energy.tick, [
      column("grid_import_kwh", asPower),
      column("grid_export_kwh", (value) => -asPower(value)),
    ]);
    this.battery.show(energy.tick, [energy.battery_soc_kwh]);
  }
}

/** The chosen part of all columns: 24 hours, or everything. */
export function chosenRange(energy) {
  const days = Number(document.querySelector("#range input:checked").value);
  const from = days === 1 ? Math.max(0, energy.tick.length - 96) : 0;
  return Object.fromEntries(
    Object.entries(energy).map(([name, column]) => [name, column.slice(from)]),
  );
}
