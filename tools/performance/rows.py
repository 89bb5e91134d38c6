"""What the tables of the page are made of."""

from collections.abc import Callable, Iterable, Iterator

from tools.performance.figures import Committed, Figures

LABELS = {
    "floor": "floor: a bare watcher",
    "operator": "**Runbook Operator**",
    "go": "Go, controller-runtime",
    "tutorial": "Python, kopf as a tutorial has it",
}
Column = tuple[str, Callable[[Figures], str]]


def each(all_: Committed, title: str, columns: Iterable[Column], needs: str = "throw_ms") -> Iterator[str]:
    """A table with a row for each contender of each run that has what it needs."""
    columns = list(columns)
    yield f"\n{title}:\n\n| Runbooks | | {' | '.join(name for name, _ in columns)} |\n"
    yield f"| --- | --- |{' --- |' * len(columns)}\n"
    for runbooks, run in sorted(all_.runs.items()):
        for name, one in run["contenders"].items():
            if one.get(needs):
                yield f"| {runbooks:,} | {LABELS[name]} | {' | '.join(read(one) for _, read in columns)} |\n"


def plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004 # three digits of what is small


def percent(value: float, digits: int = 1) -> str:
    return f"{value * 100:.{digits}f} %"
