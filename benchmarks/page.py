"""The measurements as a page of the documentation, with a plot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.numbers import (
    all_cpu_s,
    each_further_us,
    floor_cpu_s,
    floor_s,
    growth_ratio,
    original_path_s,
    path_s,
)
from benchmarks.plot import draw
from solar_model.settings import PROJECT_ROOT

Results = dict[str, Any]


def write(results: Results, folder: Path) -> Path:
    """Write benchmarks.md and its plot into a folder; returns the page."""
    plot = folder / "figures" / "benchmarks.svg"
    plot.parent.mkdir(parents=True, exist_ok=True)
    draw(results, plot)
    page = folder / "benchmarks.md"
    page.write_text("\n\n".join(_sections(results)) + "\n", encoding="utf-8")
    return page


def _sections(results: Results) -> Iterable[str]:
    yield "# How fast it is"
    yield (
        "Each table on this page was measured in one run of `make bench`, which writes the page; "
        "the numbers behind it are in [`data/benchmarks.json`](data/benchmarks.json). Seconds are "
        "this machine's; the ratios hold elsewhere."
    )
    yield "![Seconds by number of households, and the insert as the table grows]" + (
        "(figures/benchmarks.svg)"
    )
    yield _machine(results["machine"])
    yield "## A cycle, task by task"
    yield from _tasks(results)
    if "airflow" in results:
        yield "## Through Airflow"
        yield from _airflow(results["airflow"])
        yield _day(results["day"])
    yield "## Against the original way"
    yield from _original(results)
    yield "## While the table grows"
    yield from _growth(results["growth"]["inserts"])
    if "model" in results:
        yield "## The model alone"
        yield from _model(results["model"])


def _machine(machine: dict[str, str]) -> str:
    return table(("", ""), list(machine.items()))


def _tasks(results: Results) -> Iterable[str]:
    sizes = results["pipeline"]
    yield (
        "The operators of the DAG, each in a process forked from one that has the libraries "
        "imported, as Airflow's executor does it: seconds, and in brackets the peak memory of "
        "the process [MiB]. The floor is what Postgres alone takes: the queries for households and "
        "batteries with their rows thrown away in the server, and `COPY` of the finished rows into "
        "an empty partition."
    )
    rows: list[tuple[str, ...]] = []
    for name in next(iter(sizes.values()))["tasks"]:
        tasks = [part["tasks"][name] for part in sizes.values()]
        rows.append(
            (f"`{name}`", *(f"{task['total_s']:.2f} ({task['peak_mib']:,.0f})" for task in tasks))
        )
    parts = list(sizes.items())
    whole = [sum(task["total_s"] for task in part["tasks"].values()) for _, part in parts]
    path = [path_s(part["tasks"]) for _, part in parts]
    floor = [floor_s(part) for _, part in parts]
    path_cpu = [all_cpu_s(part["tasks"]) for _, part in parts]
    floor_cpu = [floor_cpu_s(part) for _, part in parts]
    original = [original_path_s(results) * int(size) for size, _ in parts]
    rows += [
        ("all tasks", *(f"{seconds:.2f}" for seconds in whole)),
        *_each("… per household [µs]", whole, parts),
        ("without the simulation", *(f"{seconds:.2f}" for seconds in path)),
        *_each("… per household [µs]", path, parts),
        ("the floor", *(f"{seconds:.2f}" for seconds in floor)),
        ("… times the floor", *_ratios(path, floor)),
        ("… times its processor time", *_ratios(path_cpu, floor_cpu)),
        ("… faster than the original way", *_ratios(original, path)),
    ]
    yield table(("households", *(f"{int(size):,}" for size in sizes)), rows)


def _each(label: str, seconds: list[float], parts: list[Any]) -> list[tuple[str, ...]]:
    each = (s / int(size) * 1e6 for s, (size, _) in zip(seconds, parts, strict=True))
    return [(label, *(f"{value:,.1f}" for value in each))]


def _ratios(above: list[float], below: list[float]) -> Iterable[str]:
    return (f"x {a / b:,.2f}" for a, b in zip(above, below, strict=True))


def _airflow(sizes: Results) -> Iterable[str]:
    yield (
        "The stack of `make run`: from the trigger to the success of the run, Airflow's own time "
        "between the tasks included, and the largest process of Airflow and of Postgres. The "
        "dashboard reads aggregates: the last column is what it waits for the server."
    )
    yield table(
        (
            "households",
            "trigger to success [s]",
            "in tasks [s]",
            "Airflow [MiB]",
            "Postgres [MiB]",
            "dashboard [s]",
        ),
        [
            (
                f"{int(size):,}",
                f"{part['total_s']:.1f}",
                f"{part['tasks_s']:.1f}",
                f"{part['airflow_mib']:,.0f}",
                f"{part['postgres_mib']:,.0f}",
                f"{part['dashboard_s']:.2f}",
            )
            for size, part in reversed(sizes.items())
        ],
    )


def _day(day: Results) -> str:
    rows = day["households"] * 96
    return (
        f"A day of {day['households']:,} households ({rows:,} rows) backfilled by "
        f"`solar_simulation_daily`, from when it is asked for to the end of its run: "
        f"{day['total_s']:.1f} s, {rows / day['total_s']:,.0f} rows a second; "
        f"the largest process of Airflow takes {day['airflow_mib']:,.0f} MiB."
    )


def _original(results: Results) -> Iterable[str]:
    original = results["original"]
    households = int(original["households"])
    yield (
        "The pipeline was first designed on rows: `read_sql` and `to_csv`, one pvlib `ModelChain` "
        "per household, Python loops that check, an ORM object per row of `iterrows`. That way is "
        f"in `benchmarks/original.py`. It was measured on {households:,} households (the "
        "`ModelChain` on 100) and is scaled up linearly; it computes generation only, neither "
        "people nor batteries."
    )
    largest, part = list(results["pipeline"].items())[-1]
    scale = int(largest) / households
    rows = []
    for name, task in part["tasks"].items():
        if f"{name}_s" in original["tasks"]:
            theirs = original["tasks"][f"{name}_s"] * scale
            ratio = f"x {theirs / task['total_s']:,.1f}"
            rows.append((f"`{name}`", f"{task['total_s']:.2f}", f"{theirs:,.1f}", ratio))
    yield table(
        (f"{int(largest):,} households", "ours [s]", "original, scaled up [s]", "ratio"), rows
    )


def _growth(growth: Sequence[dict[str, float]]) -> Iterable[str]:
    rows_each = growth[1]["rows"] - growth[0]["rows"]
    yield (
        f"`insert_results` of {rows_each:,.0f} rows in one transaction, by the rows that are "
        "there already, in one partition."
    )
    last = len(growth) - 1
    shown = [growth[i] for i in sorted({0, last // 3, 2 * last // 3, last})]
    yield table(
        ("rows before", "insert [s]"),
        [(f"{part['rows']:,.0f}", f"{part['insert_s']:.2f}") for part in shown],
    )
    ratio = growth_ratio(growth)
    yield f"The last third of the inserts takes {ratio:.2f} times as long as the first third."


def _model(model: Results) -> Iterable[str]:
    parts = ("read", "move_in", "step", "write")
    yield (
        "One tick from file to file, as `solar simulate` does it, in a process that has done it "
        "before. A household costs less in a large community: a small one pays what a run of any "
        "size costs, and beyond 65,536 households several processors work at a step. *Each "
        "further* is what a household adds to the row above. By part: processor time per household."
    )
    rows = []
    further = each_further_us({int(size): tick["tick_s"] for size, tick in model["tick"].items()})
    for (size, tick), added in zip(model["tick"].items(), further, strict=True):
        each = [tick[f"{part}_cpu_s"] / int(size) * 1e6 for part in (*parts, "tick")]
        rows.append(
            (
                f"{int(size):,}",
                f"{tick['tick_s']:.3f}",
                f"{tick['tick_s'] / int(size) * 1e6:.2f}",
                "" if added is None else f"{added:.2f}",
                *(f"{value:.2f}" for value in each),
                f"{tick['step_s']:.3f}",
                f"{tick['next_step_s']:.3f}",
                f"{tick['peak_mib']:,.0f}",
            )
        )
    heads = ("households", "tick [s]", "each [µs]", "each further [µs]")
    by_part = ("read [µs]", "move in", "step", "write", "all")
    yield table((*heads, *by_part, "step [s]", "next step [s]", "MiB"), rows)
    yield "10,000 households, several ticks in one call: memory does not grow with them."
    yield table(
        ("ticks", "seconds", "peak MiB"),
        [
            (ticks, f"{part['ticks_s']:.2f}", f"{part['peak_mib']:,.0f}")
            for ticks, part in model["ticks"].items()
        ],
    )
    yield (
        "A day of 10,000 households against one pvlib `ModelChain` per household (measured on 100 "
        "households, tick by tick on 2 ticks, scaled up):"
    )
    day_s = model["ticks"]["96"]["ticks_s"]
    compared = {
        "people, panels, batteries, from file to file": day_s,
        "generation alone": model["generation"]["generation_s"],
        "`ModelChain`, tick by tick": model["chains_by_tick"]["chains_s"] * 48 * 100,
        "`ModelChain`, the day in one call": model["chains_by_day"]["chains_s"] * 100,
    }
    yield table(
        ("", "seconds", "against the day"),
        [(name, f"{s:,.2f}", f"x {s / day_s:,.2f}") for name, s in compared.items()],
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, with numbers to the right."""
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(
    numbers: Annotated[Path, typer.Argument(help="From make bench.")] = (
        PROJECT_ROOT / "docs" / "data" / "benchmarks.json"
    ),
    output: Annotated[Path, typer.Option(help="Folder of the page.")] = PROJECT_ROOT / "docs",
) -> None:
    """Write the page again from numbers that were measured before."""
    write(json.loads(numbers.read_text()), output)


if __name__ == "__main__":
    typer.run(main)
