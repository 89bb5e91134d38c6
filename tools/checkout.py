"""The checkout of the demo: its pods, a Prometheus and traffic beside them, and an operator that reaches them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from lab.layout import here
from lab.monitoring import Scraper, traffic
from lab.up import Lab
from tools.stage import FOLDER, NAMESPACE, PATIENCE, get, has_node, kubectl, phase, running_operator, wait

SWITCH, DEPLOYMENT, RUNBOOK, METRIC = "checkout-rollback", "checkout", "checkout", "error-rate"
RATE = 40.0
LONGEST = 600.0
"""Seconds of traffic at most."""
SETTLES = 90.0
"""Seconds for the node, and for the metric's own times."""
WORK = FOLDER / "demo"


def why_not() -> str:
    """Return why the acts with pods cannot be played here; empty if they can."""
    if os.environ.get("KUBECONFIG") != str(here().kubeconfig):
        return "the other acts put Prometheus, mail and traffic beside the pods, which works in the lab only"
    return "" if has_node() else "the other acts need pods that run, and the lab has no node here"


@contextmanager
def running(example: str, **settings: str) -> Iterator[Callable[[], list[Any]]]:
    """Apply the example and run everything; yield a function that returns the answers to the traffic so far."""
    kubectl(f"apply -n {NAMESPACE} -f examples/{example}/")
    kubectl(f"rollout status deployment/{DEPLOYMENT} -n {NAMESPACE} --timeout={60 * PATIENCE:.0f}s", quiet=True)
    address = get("service", DEPLOYMENT, "{.spec.clusterIP}")
    inside = Lab(here()).run_inside
    WORK.mkdir(parents=True, exist_ok=True)
    with (
        _scraped(Scraper(WORK, [f"{address}:80"], "500ms", inside)) as source,
        traffic(f"http://{address}/", RATE, LONGEST, WORK / "answers.jsonl", inside) as answers,
        running_operator(inside, **_settings(source), **settings),
    ):
        try:
            yield answers
        finally:
            kubectl(f"delete runbooks --all -n {NAMESPACE} --timeout={30 * PATIENCE:.0f}s", quiet=True)


def wait_until_watched() -> None:
    """Wait until the switch, the metric and the revision are known: with one revision there is none to go back to."""
    wait("the switch is looked at", lambda: phase(SWITCH) == "Released")
    wait("the error rate is known", lambda: get("runbook", RUNBOOK, "{.status.metrics[0].level}") == "Ok", SETTLES)
    wait("the revision is known good", lambda: bool(get("runbook", RUNBOOK, "{.status.targets[0].good}")), SETTLES)


@contextmanager
def _scraped(source: Scraper) -> Iterator[Scraper]:
    source.start()
    try:
        yield source
    finally:
        source.stop()


def _settings(source: Scraper) -> dict[str, str]:
    """Return the settings of the administrator. The operator must reach Services, so it runs inside as well."""
    path: Path = WORK / "metric-sources.yaml"
    path.write_text(yaml.safe_dump({"default": {"url": source.url}}))
    return {"RUNBOOK_METRIC_SOURCES": str(path), "KUBECONFIG": str(here().data / "admin.kubeconfig")}
