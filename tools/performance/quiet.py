"""The sections of what one tenant costs another one, and of what switches cost at which nobody throws anything."""

from collections.abc import Iterator

from bench.told import quantile
from tools.performance.figures import Committed, Figures

LOADED = (
    "Other work ran on the machine at the same time (load average {load:.0f} on {processors} processors), so that the "
    "milliseconds\nsay little; both rows had it alike."
)
NEIGHBOURS = """
## One tenant's large flag document, and another tenant's throws

A ConfigMap of {kilobytes} KB of JSON changes. A Runbook of the same tenant has {flags} flags in it,
and the operator looks up all of them again. At that moment a switch of another tenant is thrown
(`make bench-neighbours`). {loaded}

| a throw of the other tenant | p50 ms | p90 ms | max ms | throws |
| --- | --- | --- | --- | --- |
"""
LOOKS = """
## What idle switches ask of the API server

{looked} Runbooks have one switch each, and nobody throws them (`make bench-looks`). The operator
visits each switch for a deep check every 10 minutes. It checks the writes of a throw by dry runs once
an hour, and sooner after a change of the Runbook or the target. Its clocks ran {faster:.0f} times as
fast, so on a busy machine (load average {load:.0f}) some deep checks were late: the second row is 6.0
if all are in time. The last two columns are the dry runs of the row times the number of switches.
`tests/component/test_idle_checks.py` counts them on a clock of its own.

| dry runs | requests for each switch and hour | of them dry runs | dry runs/s of 1,000 switches | of 20,000 |
| --- | --- | --- | --- | --- |
"""
VARIANTS = {"without": "none", "every look": "at every deep check", "as it is": "**once an hour, as it is**"}
HOUR = 3600


def neighbours(all_: Committed) -> Iterator[str]:
    """How long throws take without and beside the document, and the ratio of the medians."""
    if (found := all_.others.get("neighbours")) is None:
        return
    yield NEIGHBOURS.format_map({**found, "loaded": _loaded(found)})
    rows = {"with nobody else": found["calm_ms"], "while the document changes": found["busy_ms"]}
    for name, took in rows.items():
        yield f"| {name} | {' | '.join(f'{quantile(took, part):.0f}' for part in (0.5, 0.9, 1))} | {len(took)} |\n"
    ratio = quantile(found["busy_ms"], 0.5) / quantile(found["calm_ms"], 0.5)
    yield f"\nThe second median is {ratio:.2f} times the first.\n"


def looks(all_: Committed) -> Iterator[str]:
    """The requests of an hour of rest, and what their dry runs are a second for many switches."""
    if (found := all_.others.get("looks")) is None:
        return
    yield LOOKS.format_map(found)
    for name, title in VARIANTS.items():
        one = found["figures"][name]
        often = " | ".join(f"{one['dry_runs'] * count / HOUR:.1f}" for count in (1_000, 20_000))
        yield f"| {title} | {one['requests']:.1f} | {one['dry_runs']:.1f} | {often} |\n"


def _loaded(found: Figures) -> str:
    return LOADED.format(load=found["load"], processors=found["machine"]["processors"])
