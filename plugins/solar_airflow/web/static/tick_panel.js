// What became of one tick: its runs, why households were set aside, and running it again.

import {
  DAG,
  airflow,
  airflowLink,
  ask,
  clock,
  count,
  day,
  duration,
  element,
  isoTick,
  runPage,
  sentence,
  withUnit,
} from "./shell.js";
import { STATES, isGap } from "./states.js";

const dialog = document.getElementById("tick");
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
let shown = null;
let changed = () => {};
let ledger = null;

/** Called by the page: the ledger that is shown, and what to do when a tick may have changed. */
export function watch(current, refresh) {
  ledger = current;
  changed = refresh;
}

export async function openTick(second) {
  shown = second;
  fill(element("p", { class: "muted" }, "Looking …"));
  if (!dialog.open) dialog.showModal();
  await refresh();
}

async function refresh() {
  const second = shown;
  try {
    const told = await ask(`solar/ticks/${isoTick(second)}`);
    if (second === shown && dialog.open) fill(...contents(told));
    return told;
  } catch (error) {
    if (second === shown) fill(element("p", { class: "problem" }, sentence(error.message)));
    return null;
  }
}

function fill(...children) {
  const close = element(
    "button",
    { class: "close", "aria-label": "Close", onclick: () => dialog.close() },
    "×",
  );
  const title = element(
    "h2",
    { id: "tick-title" },
    `${day(shown)}, ${clock(shown)}–${clock(shown + 900)} `,
    element("small", {}, "UTC"),
  );
  dialog.replaceChildren(element("div", { class: "caption" }, title, close), ...children);
}

function contents(told) {
  const { label, letter, words } = STATES[told.state];
  const kept =
    told.state === "failed" && told.stored ? " The rows of an earlier run are still there." : "";
  return [
    element(
      "p",
      { class: "state" },
      element("i", { class: "tick", "data-state": told.state }, letter),
      element("strong", {}, label),
      ` ${words}${kept}`,
    ),
    ...told.runs.map((run) => runSection(run, told.runs.length > 1)),
    told.reasons.length > 0 && reasonsSection(told.reasons),
    backfillSection(told),
  ].filter(Boolean);
}

function runSection(run, sharded) {
  const stored = run.rows_inserted === null ? "none" : count(run.rows_inserted);
  const facts = [
    ["Run", run.airflow_run_id && airflowLink(runPage(run.airflow_run_id), run.airflow_run_id)],
    ["Status", run.attempt > 1 ? `${run.status}, attempt ${run.attempt}` : run.status],
    ["Began", moment(run.started_at)],
    ["Ended", run.finished_at && moment(run.finished_at)],
    [
      "Households",
      run.households_queried !== null &&
        `${count(run.households_queried)} asked for, ${count(run.households_quarantined ?? 0)} set aside`,
    ],
    ["Rows stored", stored],
    ["Checks passed", run.checks_passed],
    [
      "Validation",
      run.validated !== null &&
        element(
          "a",
          { href: airflow(`solar/validations/${run.id}`) },
          run.validated ? "passed, see its report" : "failed, see its report",
        ),
    ],
    ["Generation", run.generation_kwh !== null && withUnit(run.generation_kwh, "Wh")],
    ["Consumption", run.consumption_kwh !== null && withUnit(run.consumption_kwh, "Wh")],
    [
      "Import, export",
      run.grid_import_kwh !== null &&
        `${withUnit(run.grid_import_kwh, "Wh")}, ${withUnit(run.grid_export_kwh, "Wh")}`,
    ],
    ["Runner", run.runner],
    ["Exchange", run.exchange],
    ["Results by", run.results_exchange !== run.exchange && run.results_exchange],
    ["Weather", run.weather !== null && weatherInWords(run.weather)],
    ["Seed", run.seed],
    ["Files", [run.input_file, run.results_file].filter(Boolean).join(", ") || null],
  ].filter(([, value]) => value !== null && value !== undefined && value !== false);
  return element(
    "section",
    {},
    sharded && element("h3", {}, `Shard ${run.shard + 1}`),
    run.error && element("pre", { class: "problem" }, run.error),
    element(
      "dl",
      {},
      facts.flatMap(([name, value]) => [
        element("dt", {}, name),
        element("dd", {}, value instanceof Node ? value : String(value)),
      ]),
    ),
    times(run.timings_s),
  );
}

// Where a weather file lies on the server is nobody's business here.
const weatherInWords = (weather) =>
  typeof weather === "string" ? weather.replace(/^file:.*\//, "") : JSON.stringify(weather);

const moment = (iso) => `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;

function times(timings) {
  const steps = Object.entries(timings).sort(([, one], [, other]) => other - one);
  if (!steps.length) return null;
  const most = Math.max(...steps.map(([, seconds]) => seconds));
  const bar = ([task, seconds]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, task),
      element("td", { class: "bar" }, element("i", { style: `width: ${(100 * seconds) / most}%` })),
      element("td", { class: "number" }, duration(seconds)),
    );
  return element(
    "table",
    { class: "times" },
    element("caption", {}, "Where the time went"),
    element("tbody", {}, steps.map(bar)),
  );
}

function reasonsSection(reasons) {
  const row = ({ reason, households }) =>
    element(
      "tr",
      {},
      element("td", {}, reason),
      element("td", { class: "number" }, count(households)),
    );
  return element(
    "section",
    {},
    element("h3", {}, "Set aside, by reason"),
    element("table", {}, element("tbody", {}, reasons.map(row))),
  );
}

function backfillSection(told) {
  if (["future", "pending", "running"].includes(told.state)) return null;
  const heading = element("h3", {}, "Backfill");
  if (!told.may_run) {
    return element(
      "section",
      {},
      heading,
      element(
        "p",
        { class: "note" },
        "Your login may look but not start runs. Ask an operator to run this tick again.",
      ),
    );
  }
  const answer = element(
    "p",
    { class: "note", role: "status" },
    "Running a tick again replaces its rows; batteries start where the tick before left them.",
  );
  const gaps = gapsOfDay(told.tick);
  const buttons = [
    button("Run this tick again", answer, {
      first: told.tick,
      last: told.tick,
      again: "completed",
    }),
    gaps.length > 1 &&
      button(`Fill the ${gaps.length} gaps of ${day(told.tick)}`, answer, {
        first: gaps[0],
        last: gaps.at(-1),
        again: "failed",
      }),
  ];
  return element(
    "section",
    {},
    heading,
    answer,
    element("div", { class: "buttons" }, buttons.filter(Boolean)),
  );
}

function gapsOfDay(second) {
  if (!ledger) return [];
  const midnight = second - (second % 86400);
  return ledger.tick.filter(
    (tick, index) => tick >= midnight && tick < midnight + 86400 && isGap(ledger.state[index]),
  );
}

function button(words, answer, range) {
  return element(
    "button",
    { class: "action", onclick: (event) => start(event.currentTarget, answer, range) },
    words,
  );
}

// With the reader's own rights, through Airflow's API: Airflow decides, and keeps the audit log.
async function start(pressed, answer, { first, last, again }) {
  const buttons = pressed.parentElement.querySelectorAll("button");
  buttons.forEach((one) => (one.disabled = true));
  answer.className = "note";
  try {
    const before = begun(await ask(`solar/ticks/${isoTick(shown)}`));
    const made = await ask("api/v2/backfills", {
      dag_id: DAG,
      from_date: isoTick(first),
      to_date: isoTick(last),
      reprocess_behavior: again,
      max_active_runs: 1,
    });
    answer.replaceChildren(
      `Backfill ${made.id} has begun. `,
      airflowLink(airflow(`dags/${DAG}/backfills`), "All backfills"),
    );
    await follow(before);
  } catch (error) {
    answer.className = "problem";
    answer.textContent = sentence(
      error.status === 403 ? "your login may not start runs" : error.message,
    );
    buttons.forEach((one) => (one.disabled = false));
  }
}

/** Look until the tick has run again, while the panel stays open on it. */
async function follow(before) {
  const second = shown;
  while (dialog.open && shown === second) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const told = await ask(`solar/ticks/${isoTick(second)}`).catch(() => null);
    changed();
    if (told && begun(told) > before && told.state !== "running") return void (await refresh());
  }
}

const begun = ({ runs }) =>
  runs
    .map((run) => run.started_at)
    .sort()
    .at(-1) ?? "";
