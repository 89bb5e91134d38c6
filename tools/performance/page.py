"""docs/performance.md as text: the ratios first, then every table."""

from collections.abc import Iterator

from tools.performance import alone, compared, quiet, sharded
from tools.performance.figures import FOLDER, Committed, Figures, committed
from tools.performance.goals import GOALS, told
from tools.performance.published import OTHERS

PAGE = FOLDER.parent / "performance.md"
HEAD = """# Performance

How long a thrown switch takes, what the operator costs, and how both compare with three peers that do the same work in
the same run, on the same cluster: a **floor**, a bare watcher that writes a record and scales and does nothing else;
the same switch in **Go** on controller-runtime; and in **Python** with kopf as a tutorial has it. Their sources, each
with what it leaves out, are in [bench/peers](../bench/peers). `make bench` runs all of that on the lab, and what else
is told here is run by commands of its own; `make performance` makes this page of the figures in
[docs/performance](performance), and nothing of it is written by hand but the reasons.

"""
METHOD = """
## How it is measured

A throw is measured from the API server's answer to a person's patch of the Switch to the target's patch, as an
independent watcher of the Deployments sees it; a restore likewise from the release. One switch of N is picked at random
each time, and the next one is thrown when the last is at rest. Contenders take turns, so that what else the machine
does meets them all. Deployments have no pods. Each contender has a service account and a flow of its own in the API
server, which counts its requests. All that is in Python runs on the system's interpreter, which is built as that of the
image is: with profile-guided optimization, without which the same work takes a third longer. The API server, etcd, the
controllers and the bench run on the same processors: the ratios are what counts, milliseconds are this machine's.

"""


def page(all_: Committed | None = None) -> str:
    """The whole page."""
    found = all_ or committed()
    return HEAD + "".join(part for section in SECTIONS for part in section(found)) + METHOD.rstrip("\n") + "\n" + OTHERS


def _machine(all_: Committed) -> Iterator[str]:
    """What was measured when and on what, said once for all that were measured alike."""
    documents = [(f"{runbooks:,} Runbooks", run) for runbooks, run in sorted(all_.runs.items())]
    documents += [(f"`make bench-{name}`", one) for name, one in sorted(all_.others.items())]
    alike: dict[str, list[str]] = {}
    for name, one in documents:
        if "machine" in one:
            alike.setdefault(_measured_on(one), []).append(name)
    for what, names in alike.items():
        yield f"- {', '.join(names)}: {what}\n"


def _measured_on(document: Figures) -> str:
    machine = document["machine"]
    versions = ", ".join(f"{name} {one}" for name, one in document["versions"].items() if one)
    day = f"{document['date']}, " if "date" in document else ""
    return (
        f"{day}{machine['processors']} processors ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, Linux {machine['kernel']}; {versions}"
    )


def _goals(all_: Committed) -> Iterator[str]:
    yield "\n## The ratios\n\n| what | wanted | measured | |\n| --- | --- | --- | --- |\n"
    missed = []
    for goal in GOALS:
        value = goal.measured(all_)
        if value is None:
            yield f"| {goal.text} | {goal.wanted()} | not measured yet | |\n"
            continue
        if not goal.met(value):
            missed.append(goal)
        yield f"| {goal.text} | {goal.wanted()} | {told(value, goal.unit)} | {_verdict(met=goal.met(value))} |\n"
    for goal in missed:
        if goal.key not in all_.remarks:
            raise SystemExit(f"performance: {goal.key} is missed; say why in docs/performance/remarks.yaml")
        yield f"\n**Missed: {goal.text}.** {' '.join(all_.remarks[goal.key].split())}\n"


def _verdict(*, met: bool) -> str:
    return "met" if met else "**missed**"


def _plots(all_: Committed) -> Iterator[str]:
    if number := all_.drawn:
        yield f"\n![How long throws take, {number:,} Runbooks](performance/latency.svg)\n"
        yield f"\n![How long 100 throws at once take, {number:,} Runbooks](performance/burst.svg)\n"
    if len(all_.runs) > 1:
        yield "\n![Latency against the number of Runbooks](performance/latency-by-runbooks.svg)\n"
        yield "\n![Memory against the number of Runbooks](performance/memory-by-runbooks.svg)\n"


SECTIONS = (
    _machine,
    _goals,
    _plots,
    compared.latency,
    compared.status_deferral,
    compared.slowed,
    alone.profile,
    compared.starts,
    compared.costs,
    compared.requests,
    alone.watching,
    alone.failover,
    quiet.neighbours,
    quiet.looks,
    compared.growth,
    sharded.costs,
    sharded.simulated,
)
