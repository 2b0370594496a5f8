// What both pages share: asking Airflow, words and numbers, links out of Airflow's frame.

export const DAG = "solar_simulation";

// The page is <root>/solar/…, wherever Airflow is mounted.
const ROOT = location.pathname.replace(/\/solar\/[^/]*$/, "");

export const airflow = (path) => `${ROOT}/${path}`;
export const runPage = (run) => airflow(`dags/${DAG}/runs/${encodeURIComponent(run)}`);

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

/** Ask for JSON; throws Refused with words that a reader can use. */
export async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(airflow(path), { ...options, cache: "no-store" });
  } catch {
    throw new Refused(0, "Airflow's web server does not answer.");
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok && told !== null) return told;
  throw new Refused(answer.status, reason(answer.status, told?.detail));
}

function reason(status, detail) {
  if (status === 401) return "Your login has ended. Reload the page to log in again.";
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) return detail.map((item) => item.msg ?? String(item)).join("; ");
  return `Airflow's web server answered ${status}.`;
}

/** An element with attributes and children; what is null or false is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false));
  return made;
}

/** A link to a page of Airflow's own. */
export function airflowLink(href, ...children) {
  return element("a", { href, target: "_top", onclick: leaveFrame }, ...children);
}

// Airflow's frame may not navigate the window around it; a link that lies in that window may.
function leaveFrame(event) {
  if (parent === window) return;
  event.preventDefault();
  const link = parent.document.createElement("a");
  link.href = event.currentTarget.href;
  link.click();
}

/** What went wrong, on top of the page; null when all is well again. */
export function banner(words, hint = "") {
  const place = document.getElementById("banner");
  place.hidden = !words;
  place.replaceChildren(...(words ? [element("strong", {}, sentence(words)), ` ${hint}`] : []));
}

export const sentence = (words) => {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
};

/** A fact in large figures. */
export const tile = (title, value, note) =>
  element(
    "div",
    { class: "card tile" },
    element("h2", {}, title),
    element("strong", {}, value),
    element("span", { class: "note" }, note),
  );

const number = (digits) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const FORMATS = [0, 1, 2].map(number);
export const count = (value) => FORMATS[0].format(value);

/** Three digits that matter. */
export function figures(value) {
  const size = Math.abs(value);
  if (size < 0.005) return "0";
  return FORMATS[size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2].format(value);
}

const PREFIXES = [
  { factor: 1e-6, prefix: "G" },
  { factor: 1e-3, prefix: "M" },
  { factor: 1, prefix: "k" },
  { factor: 1e3, prefix: "" },
];

/** The prefix that suits values of some size, given in thousands (kW or kWh). */
export const prefixFor = (largest) =>
  PREFIXES.find(({ factor }) => largest * factor >= 0.9995) ??
  (largest ? PREFIXES[3] : PREFIXES[2]);

export function withUnit(value, unit) {
  if (value === null || value === undefined) return "–";
  const { factor, prefix } = prefixFor(Math.abs(value));
  return `${figures(value * factor)} ${prefix}${unit}`;
}

export function percent(share) {
  // never 100 % when one is missing
  const value = share < 1 ? Math.min(share * 100, 99.99) : share * 100;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${FORMATS[Number.isInteger(value) ? 0 : value > 99 && value < 100 ? 2 : 1].format(value)} %`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 9.95) return `${FORMATS[Number.isInteger(seconds) ? 0 : 1].format(seconds)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

const inUtc = (options) => {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  return (second) => format.format(second * 1000);
};
export const clock = inUtc({ hour: "2-digit", minute: "2-digit" });
export const day = inUtc({ weekday: "short", day: "numeric", month: "short" });
export const isoTick = (second) => new Date(second * 1000).toISOString().slice(0, 19) + "Z";

/** Again and again while somebody looks. */
export function keepFresh(look, seconds = 30) {
  setInterval(() => document.hidden || look(), seconds * 1000);
  document.addEventListener("visibilitychange", () => document.hidden || look());
}
