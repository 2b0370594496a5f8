// The tick ledger: a row per day, a cell per quarter of an hour.

import { clock, count, day, duration, element } from "./shell.js";
import { IN_LEGEND, STATES } from "./states.js";

const PER_DAY = 96;
// the newest day is the first row
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: -PER_DAY, ArrowUp: PER_DAY };

export class LedgerGrid {
  /** choose: called with the tick [s] that somebody opens. */
  constructor(host, choose) {
    this.choose = choose;
    this.grid = element("div", {
      class: "ledger",
      role: "grid",
      "aria-labelledby": "ledger-title",
      onkeydown: (event) => this.move(event),
      onclick: (event) => this.open(event.target.closest(".tick")),
      onfocusin: (event) => this.focusOn(event.target.closest(".tick")),
    });
    this.summary = element("p", { class: "note" });
    host.replaceChildren(
      element(
        "div",
        { class: "caption" },
        element("h2", { id: "ledger-title" }, "Tick ledger ", element("small", {}, "days in UTC")),
        this.summary,
      ),
      this.grid,
      element("ul", { class: "legend" }, IN_LEGEND.map(legendItem)),
    );
  }

  show(ledger) {
    this.ledger = ledger;
    if (this.cells?.length !== ledger.tick.length || this.first !== ledger.tick[0]) this.build();
    this.cells.forEach((cell, index) => this.paint(cell, index));
    if (!this.cells.some((cell) => cell.tabIndex === 0)) this.focusOn(this.cells[this.newest()]);
    this.summary.textContent = summary(ledger);
  }

  build() {
    const { tick } = this.ledger;
    this.first = tick[0];
    this.cells = tick.map((second) =>
      element("button", { class: "tick", role: "gridcell", "data-tick": second }),
    );
    const rows = [];
    for (let start = tick.length - PER_DAY; start >= 0; start -= PER_DAY) {
      const label = element("span", { class: "day", role: "rowheader" }, day(tick[start]));
      const cells = this.cells.slice(start, start + PER_DAY);
      rows.push(
        element(
          "div",
          { class: "row", role: "row" },
          label,
          element("div", { class: "ticks", role: "presentation" }, cells),
        ),
      );
    }
    this.grid.replaceChildren(hours(), ...rows);
  }

  paint(cell, index) {
    const { tick, state, seconds, set_aside: aside } = this.ledger;
    const { label, letter } = STATES[state[index]];
    const took =
      seconds[index] === null || state[index] === "backfilled"
        ? ""
        : `, after ${duration(seconds[index])}`;
    const without = aside[index] ? `, ${count(aside[index])} households set aside` : "";
    const words = `${day(tick[index])} ${clock(tick[index])}: ${label.toLowerCase()}${took}${without}`;
    if (cell.title === words && cell.dataset.state === state[index]) return;
    cell.dataset.state = state[index];
    cell.textContent = letter;
    cell.title = words;
    cell.setAttribute("aria-label", words);
    cell.tabIndex = cell.tabIndex === 0 && cell === this.current ? 0 : -1;
    cell.disabled = state[index] === "future";
  }

  newest() {
    const later = this.ledger.state.indexOf("future");
    return (later < 0 ? this.cells.length : later) - 1;
  }

  // One cell of the grid is in the order of the Tab key; arrows move within.
  focusOn(cell) {
    if (!cell) return;
    if (this.current) this.current.tabIndex = -1;
    cell.tabIndex = 0;
    this.current = cell;
  }

  move(event) {
    const at = this.cells.indexOf(event.target);
    const step = STEPS[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    const next = this.cells[at + step];
    if (next && !next.disabled) next.focus();
  }

  open(cell) {
    if (cell && !cell.disabled) this.choose(Number(cell.dataset.tick));
  }
}

function hours() {
  const labels = Array.from({ length: 8 }, (_, index) =>
    element("span", {}, `${String(index * 3).padStart(2, "0")}:00`),
  );
  return element(
    "div",
    { class: "row hours", "aria-hidden": "true" },
    element("span", { class: "day" }),
    element("div", { class: "labels" }, labels),
  );
}

function legendItem(name) {
  const { label, letter, words } = STATES[name];
  return element(
    "li",
    { title: words },
    element("i", { class: "tick", "data-state": name }, letter),
    label,
  );
}

function summary({ state }) {
  const due = state.filter((name) => !["future", "before", "pending", "running"].includes(name));
  if (!due.length) return "No tick has been run yet.";
  const good = due.filter((name) => name === "on_time").length;
  const gaps = due.filter((name) => name === "missing" || name === "failed").length;
  return `${count(good)} of ${count(due.length)} ticks on time, ${gaps ? count(gaps) : "none"} without fresh data. Choose one to see its run.`;
}
