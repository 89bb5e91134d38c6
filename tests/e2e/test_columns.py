"""The columns of `kubectl get switches`, as kubectl prints them; ages are left out."""

import json
import re
import subprocess

from tests.e2e import api
from tests.e2e.harness import ERROR_RATE, Body, Cluster, Operator, deployment, eventually, runbook

WIDEST = 125
"""Characters of the widest line that the tests here make: it fits into a usual terminal."""
REASON = "INC-42: the payment provider charges twice"


def printed(cluster: Cluster, name: str, *options: str) -> dict[str, str]:
    """The cells of one line by the names of their columns."""
    header, line = cluster.run("get", "sw", name, *options).splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", header)]
    ends = [*starts[1:], None]
    return {header[a:b].strip(): line[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def until_cells(cluster: Cluster, name: str, **cells: str) -> dict[str, str]:
    """Wait until the line has these cells; returns the whole of `-o wide`."""

    def as_expected() -> bool:
        found = printed(cluster, name, "-o", "wide")
        shown = {key: found[key] for key in cells}
        assert shown == cells, shown
        return True

    eventually(f"{name} shows {cells}", as_expected)
    return printed(cluster, name, "-o", "wide")


def say(cluster: Cluster, name: str, spec: Body) -> None:
    cluster.run("patch", "sw", name, "--type=merge", "-p", json.dumps({"spec": spec}))


def measure(cluster: Cluster, errors: int) -> None:
    api.patch(api.path("configmap", cluster.namespace, "rate"), {"data": {"errors": str(errors)}})


def test_columns_of_idle_switches(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    eventually("both are there", lambda: cluster.get("switch", "shop-stop") and cluster.get("switch", "shop-up"))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.until_reason("switch", "shop-up", "Ready")

    lines = [re.sub(r" +", " ", line.strip()) for line in cluster.run("get", "sw").splitlines()]

    assert lines == [
        "NAME DOES THROWN PHASE READY AUTOMATIC SINCE UNTIL WHY LAST",
        "shop-stop scale web to 0 Released True Automatic",
        "shop-up scale web by +2 Released True -",
    ]
    assert operator.alive


def test_engaged_switch_line_shows_the_held_value_within_80_columns(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    say(cluster, "shop-stop", {"engaged": True, "reason": REASON, "expiresAfter": "40d"})
    until_cells(cluster, "shop-stop", THROWN="true", PHASE="Engaged", WHY="INC-42: the payment…", LAST="")

    cluster.apply(runbook(killSwitches=[{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 1}}]}]))

    eventually("it is Outdated", lambda: cluster.condition("switch", "shop-stop", "Outdated"))
    wide = until_cells(cluster, "shop-stop", DOES="scale web to 0", BY="kubectl-patch")
    assert wide["MESSAGE"].startswith("the Runbook now declares: scale web to 1.")
    assert re.fullmatch(r"\d\d-\d\d \d\d:\d\dZ", wide["UNTIL"])
    assert max(map(len, cluster.run("get", "sw").splitlines())) <= WIDEST
    cluster.scale(2)
    eventually(
        "it is contested", lambda: "changes Deployment/web" in printed(cluster, "shop-stop", "-o", "wide")["MESSAGE"]
    )
    assert operator.alive


def test_finished_action_shows_its_time_and_outcome(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), runbook())
    cluster.throw_when_there("shop-up")
    eventually("it is done", lambda: cluster.get("switch", "shop-up")["status"].get("history"))

    wide = until_cells(cluster, "shop-up", THROWN="", PHASE="Released", AUTOMATIC="-", WHY="")

    assert re.fullmatch(r"\d+s|\d+m\d*s?", wide["LAST"])
    assert wide["OUTCOME"] == "Deployment/web from 3 to 5"
    assert operator.alive


def test_silence_shows_its_reason_author_and_end_and_makes_an_event(cluster: Cluster, operator: Operator) -> None:
    cluster.run("create", "configmap", "rate", "--from-literal=errors=0")
    cluster.apply(deployment(), runbook(metrics=[ERROR_RATE]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    measure(cluster, 12)
    until_cells(cluster, "shop-stop", THROWN="", PHASE="Engaged", AUTOMATIC="Engaged", BY="Metric error-rate")

    say(cluster, "shop-stop", {"engaged": False, "reason": "the fallback"})

    wide = until_cells(cluster, "shop-stop", THROWN="false", PHASE="Released", AUTOMATIC="Silenced", WHY="the fallback")
    assert re.fullmatch(r"(\d\d-\d\d )?\d\d:\d\dZ", wide["UNTIL"])
    silenced = eventually("it is an Event", lambda: cluster.events("Silenced"))[0]["message"]
    assert f"{wide['BY']} holds it released until " in silenced
    assert "(the fallback); Metric error-rate would engage it" in silenced
    restored = cluster.events("Restored")[0]["message"]
    assert f"shop-stop released by {wide['BY']} (the fallback): Deployment/web back to 3" in restored
    assert "Metric error-rate had engaged it" in restored
    assert operator.alive


def test_throw_not_yet_visited_is_shown_and_kubectl_wait_fails(cluster: Cluster, stopped_operator: Operator) -> None:
    stopped_operator.start()
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    stopped_operator.kill()

    cluster.throw("shop-stop")

    wide = printed(cluster, "shop-stop", "-o", "wide")
    assert (wide["THROWN"], wide["PHASE"]) == ("true", "Released")
    assert int(wide["GENERATION"]) == int(wide["SEEN"]) + 1
    waiting = ["kubectl", "wait", "--for=condition=Engaged", "--timeout=1s", "sw/shop-stop", "-n", cluster.namespace]
    done = subprocess.run(waiting, text=True, capture_output=True, check=False)
    assert (done.returncode, "timed out" in done.stderr) == (1, True)
    stopped_operator.start()
    assert "condition met" in cluster.run("wait", "--for=condition=Engaged", "--timeout=60s", "sw/shop-stop")
    wide = until_cells(cluster, "shop-stop", PHASE="Engaged")
    assert wide["GENERATION"] == wide["SEEN"]
