"""The second act: nobody is awake, a bad version is deployed, and the runbook goes back by itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.layout import here
from lab.monitoring import Scraper, traffic
from lab.up import Lab
from tools.stage import (
    BOLD,
    END,
    FOLDER,
    NAMESPACE,
    PATIENCE,
    aside,
    get,
    has_node,
    kubectl,
    observed,
    phase,
    running_operator,
    say,
    wait,
    watching,
)

SWITCH, DEPLOYMENT, RUNBOOK, METRIC = "checkout-rollback", "checkout", "checkout", "error-rate"
RATE = 40.0
VERSION = '{.spec.template.spec.containers[0].env[?(@.name=="VERSION")].value}'
LONGEST = 600.0
"""Seconds of traffic at most."""
SETTLES = 90.0
"""Seconds for what the node and the metric's own times take."""
FAILED = 500


@dataclass(frozen=True)
class Moments:
    """When what happened, in seconds of the monotonic clock."""

    deployed: float
    critical: float
    engaged: float
    back: float
    fine: float
    released: float


def why_not() -> str:
    """Why it cannot be played here; empty where it can."""
    if os.environ.get("KUBECONFIG") != str(here().kubeconfig):
        return "the second act puts Prometheus and traffic beside the pods, which it does in the lab only"
    return "" if has_node() else "the second act needs pods that run, and the lab has no node here"


def play() -> None:
    """Play it, and print its time line."""
    kubectl(f"apply -n {NAMESPACE} -f examples/11-metrics/")
    kubectl(f"rollout status deployment/{DEPLOYMENT} -n {NAMESPACE} --timeout={60 * PATIENCE:.0f}s", quiet=True)
    address = get("service", DEPLOYMENT, "{.spec.clusterIP}")
    inside = Lab(here()).run_inside
    folder = FOLDER / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        _scraped(Scraper(folder, [f"{address}:80"], "500ms", inside)) as source,
        traffic(f"http://{address}/", RATE, LONGEST, folder / "answers.jsonl", inside) as answers,
        running_operator(inside, **_settings(folder, source)),
    ):
        try:
            moments = _break_it()
        finally:
            kubectl(f"delete runbooks --all -n {NAMESPACE} --timeout={30 * PATIENCE:.0f}s", quiet=True)
        _time_line(moments, answers())


@contextmanager
def _scraped(source: Scraper) -> Iterator[Scraper]:
    source.start()
    try:
        yield source
    finally:
        source.stop()


def _settings(folder: Path, source: Scraper) -> dict[str, str]:
    """What an administrator says: where Prometheus is. The operator must reach Services, so it runs inside as well."""
    path = folder / "metric-sources.yaml"
    path.write_text(yaml.safe_dump({"default": {"url": source.url}}))
    return {"RUNBOOK_METRIC_SOURCES": str(path), "KUBECONFIG": str(here().data / "admin.kubeconfig")}


def _break_it() -> Moments:
    # It is not Ready yet: with one revision there is nothing to go back to.
    wait("the switch is looked at", lambda: phase(SWITCH) == "Released")
    wait("the error rate is known", lambda: _level() == "Ok", SETTLES)
    wait("the revision is known good", lambda: bool(get("runbook", RUNBOOK, "{.status.targets[0].good}")), SETTLES)
    kubectl(f"get rb,sw -n {NAMESPACE}")
    say("Version 2 is deployed. It answers every second request with an error.")
    with (
        watching("deployment", DEPLOYMENT, VERSION) as env,
        watching("runbook", RUNBOOK, "{.status.metrics[0].level}") as level,
        watching("switch", SWITCH, "{.status.phase}") as lever,
    ):
        kubectl(f"set env deployment/{DEPLOYMENT} -n {NAMESPACE} VERSION=2 ERROR_RATE=0.5")
        deployed = observed(env, "2")
        critical = observed(level, "Critical", deployed, SETTLES)
        back = observed(env, "1", deployed, SETTLES)
        engaged = observed(lever, "Engaged", deployed, SETTLES)
        kubectl(f"get rb,sw -n {NAMESPACE}")
        fine = observed(level, "Ok", critical, SETTLES)
        released = observed(lever, "Released", engaged, SETTLES)
    kubectl(f"get sw,deploy -n {NAMESPACE}")
    columns = "-o custom-columns=REASON:.reason,MESSAGE:.message"
    chosen = f"involvedObject.kind=Runbook,involvedObject.name={RUNBOOK}"
    kubectl(f"get events -n {NAMESPACE} --field-selector {chosen} --sort-by .lastTimestamp {columns}")
    return Moments(deployed, critical, engaged, back, fine, released)


def _level() -> str:
    return get("runbook", RUNBOOK, "{.status.metrics[0].level}")


def _time_line(moments: Moments, answers: list[Any]) -> None:
    failed = [one["at"] for one in answers if one["code"] >= FAILED and one["at"] > moments.deployed]
    told = [
        (moments.deployed, "version 2 is deployed"),
        (failed[0], "the first request fails"),
        (moments.critical, f"{METRIC} is Critical"),
        (moments.back, "the Deployment is set back to version 1"),
        (moments.engaged, "the switch is Engaged, and holds it there"),
        (failed[-1], "the last request fails"),
        (moments.fine, f"{METRIC} is Ok"),
        (moments.released, "the switch is Released by itself"),
    ]
    print(f"{BOLD}With no person, from the accepted deployment on:{END}")
    for at, what in sorted(told):
        print(f"  {at - moments.deployed:6.1f} s   {what}")
    asked = [one for one in answers if moments.deployed < one["at"] < moments.released]
    aside(f"{len(failed)} of {len(asked)} requests failed meanwhile")
    print()
