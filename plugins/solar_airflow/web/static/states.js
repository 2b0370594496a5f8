// What can become of a tick: a letter as well as a colour, and what it means.

export const STATES = {
  on_time: { label: "On time", letter: "", words: "Stored within the time that a cycle may take." },
  backfilled: {
    label: "Backfilled",
    letter: "B",
    words: "Stored, by a run that began after its quarter of an hour was over.",
  },
  quarantined: {
    label: "Quarantined",
    letter: "Q",
    words: "Stored; households that break the contract of the input were set aside.",
  },
  late: {
    label: "Late",
    letter: "L",
    words: "Stored, but after the time that a cycle may take.",
  },
  degraded: {
    label: "Degraded",
    letter: "D",
    words: "Stored without households whose results could not be believed.",
  },
  failed: { label: "Failed", letter: "F", words: "Its run failed." },
  missing: { label: "Missing", letter: "M", words: "It was due, and nobody ran it." },
  running: { label: "Running", letter: "…", words: "Its run is under way." },
  pending: { label: "Due", letter: "", words: "It has begun, and the time that a cycle may take is not over." },
  future: { label: "Not yet", letter: "", words: "It has not begun." },
  before: {
    label: "Before",
    letter: "",
    words: "It is older than the first tick that was ever run.",
  },
};

// Gaps that running a tick again fills.
export const isGap = (state) => state === "missing" || state === "failed";
export const IN_LEGEND = Object.keys(STATES).filter(
  (name) => name !== "future" && name !== "before",
);
