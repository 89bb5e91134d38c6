"""The page's plots as SVG, the same bytes for the same figures."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.told import burst, quantile
from tools.performance import sharded
from tools.performance.figures import FOLDER, Committed, Figures

NAMES = {"floor": "floor", "operator": "Runbook Operator", "go": "Go, controller-runtime", "tutorial": "kopf, tutorial"}
COLOURS = {"floor": "#7f7f7f", "operator": "#d62728", "go": "#1f77b4", "tutorial": "#ff7f0e"}
SIZE = (7.5, 4.0)


def draw(all_: Committed, folder: Path = FOLDER) -> list[Path]:
    """Write them; returns their paths."""
    mpl.rcParams.update({"svg.hashsalt": "runbook-operator", "svg.fonttype": "none", "font.family": "sans-serif"})
    return [_saved(figure, folder / f"{name}.svg") for name, figure in _figures(all_)]


def _figures(all_: Committed) -> Iterator[tuple[str, Figure]]:
    if number := all_.drawn:
        contenders = all_.runs[number]["contenders"]
        title = f"{number:,} Runbooks, from patch to effect"
        yield "latency", _shares(f"{title}, one at a time", contenders, lambda one: one["throw_ms"])
        yield "burst", _shares(f"{title}, 100 at once", contenders, burst)
    if len(all_.runs) > 1:
        yield "latency-by-runbooks", _by_runbooks(all_, "p50 and p99 (dashed), ms", _p50, _p99)
        yield (
            "memory-by-runbooks",
            _by_runbooks(all_, "idle memory, MB (PSS)", lambda one: float(one["idle"]["pss_mb"])),
        )
    if len(sharded.runs(all_)) > 1:
        yield "cost-by-runbooks", _growing(all_)


def _growing(all_: Committed) -> Figure:
    """Each cost as a multiple of that with the fewest Runbooks, beside a line for what grows as they do."""
    found = sharded.runs(all_)
    numbers = [run["runbooks"] for run in found]
    figure, axes = _axes("Replicas that share the work: costs, times those of the fewest", "Runbooks", "times")
    axes.plot(numbers, [number / numbers[0] for number in numbers], ":", color="#7f7f7f", label="linear")
    for _, what, cost in sharded.GROWN:
        line = [cost(run) / cost(found[0]) for run in found]
        axes.plot(numbers, line, marker="o", label=f"{what}: exponent {sharded.fitted(all_, cost):.2f}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper left")
    return figure


def _shares(title: str, contenders: Figures, read: Callable[[Figures], Sequence[float]]) -> Figure:
    """Which part of the throws took no longer than that."""
    figure, axes = _axes(title, "milliseconds", "part of the throws")
    for name, one in contenders.items():
        values = sorted(read(one))
        if values:
            parts = [(number + 1) / len(values) for number in range(len(values))]
            axes.step(values, parts, where="post", label=NAMES[name], color=COLOURS[name])
    axes.set_xscale("log")
    axes.legend(loc="lower right")
    return figure


def _by_runbooks(all_: Committed, what: str, *reads: Callable[[Figures], float]) -> Figure:
    figure, axes = _axes(what, "Runbooks", what)
    for name, label in NAMES.items():
        found = [(number, all_.of(number, name)) for number in sorted(all_.runs)]
        points = [(number, one) for number, one in found if one and one.get("idle")]
        for read, style in zip(reads, ("-", "--"), strict=False):
            line = [read(one) for _, one in points]
            shown = label if style == "-" else None
            axes.plot([number for number, _ in points], line, style, marker="o", label=shown, color=COLOURS[name])
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")
    return figure


def _p50(one: Figures) -> float:
    return quantile(one["throw_ms"], 0.5)


def _p99(one: Figures) -> float:
    return quantile(one["throw_ms"], 0.99)


def _axes(title: str, across: str, up: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(visible=True, alpha=0.3)
    return figure, axes


def _saved(figure: Figure, path: Path) -> Path:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    # Lines of an SVG path end with a space, which is nothing to whoever reads a diff.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path
