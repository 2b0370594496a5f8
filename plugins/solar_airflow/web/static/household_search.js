// Find a household by the beginning of its id, among those of the newest tick.

import { airflow, ask, element } from "./shell.js";

const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

/** Fill the form with the id "search"; choosing a household opens its page. */
export function searchBox() {
  const suggestions = element("datalist", { id: "found" });
  const input = element("input", {
    type: "search",
    list: "found",
    placeholder: "Household id …",
    "aria-label": "Household, by the beginning of its id",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 36,
  });
  const form = document.getElementById("search");
  form.append(input, suggestions);
  let waiting = 0;
  input.addEventListener("input", () => {
    input.setCustomValidity("");
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const found = await find(input.value).catch(() => []);
      suggestions.replaceChildren(...found.map((id) => element("option", { value: id })));
    }, 150);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = input.value.trim();
    if (UUID.test(wanted)) return open(wanted);
    try {
      const [first] = await find(wanted);
      if (first) return open(first);
      input.setCustomValidity("No household of the newest tick has an id that begins so.");
    } catch (error) {
      input.setCustomValidity(error.message);
    }
    input.reportValidity();
  });
}

async function find(prefix) {
  if (!prefix.trim()) return [];
  return (await ask(`solar/households?prefix=${encodeURIComponent(prefix.trim())}`)).households;
}

const open = (id) =>
  location.assign(airflow(`solar/household?id=${encodeURIComponent(id.toLowerCase())}`));
