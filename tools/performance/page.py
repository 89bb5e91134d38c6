"""docs/performance.md as text: the ratios first, then every table."""

from collections.abc import Iterator

from tools.performance import alone, compared, quiet, sharded
from tools.performance.figures import FOLDER, Committed, Figures, committed
from tools.performance.goals import GOALS, told
from tools.performance.published import OTHERS
from tools.wrapping import wrapped

PAGE = FOLDER.parent / "performance.md"
HEAD = """# Performance

Use this page to see how long a throw takes, what the operator costs, and how both compare with three
peers. Each peer does the same work in the same run, on the same cluster:

- the **floor**: a bare watcher that writes a record, scales, and does nothing else;
- the same switch in **Go** on controller-runtime;
- the same switch in **Python** with kopf, written as kopf's tutorial does.

[bench/peers](../bench/peers) has their sources, each with a list of what it leaves out. `make bench`
runs the comparison on the lab. The other measurements have a command each, which is named next to
them. `make performance` generates this page from the figures in [docs/performance](performance); only
the reasons for unreached goals are written by hand.


"""
METHOD = """
## How it is measured

A throw is measured from the API server's answer to the patch of the Switch to the patch of the
target, as an independent watcher of the Deployments sees it. A restore is measured in the same way
from the release. The bench picks one of N switches at random, and throws the next one when the last
is at rest. Contenders take turns, so that other work on the machine affects all of them. The
Deployments have no pods. Each contender has its own service account and its own flow in the API
server, which counts the contender's requests. All Python programs run on the system's interpreter. It
is built like the image's, with profile-guided optimization; without that the same work takes a third
longer. The API server, etcd, the controllers and the bench share the processors. Compare the ratios:
the milliseconds are those of this machine.


"""


def page(all_: Committed | None = None) -> str:
    """The whole page."""
    found = all_ or committed()
    sections = "".join(part for section in SECTIONS for part in section(found))
    return wrapped(f"{HEAD}{sections}{METHOD.rstrip()}\n{OTHERS}")


def _machine(all_: Committed) -> Iterator[str]:
    """Describe when and on which machine the figures were measured, once for all that share it."""
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
