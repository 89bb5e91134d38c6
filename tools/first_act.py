"""The first act: a person throws a switch, somebody contests it, and the release puts everything back."""

import shlex
import time

from tools.stage import (
    BOLD,
    END,
    NAMESPACE,
    PATIENCE,
    aside,
    get,
    has_node,
    kubectl,
    observed,
    phase,
    ready,
    run,
    running_operator,
    say,
    wait,
    watching,
)

SWITCH, DEPLOYMENT, REPLICAS = "shop-stop", "shop", 3


def play(began: float) -> None:
    """Play it; `began` is when the demo did."""
    with running_operator():
        try:
            _play(began)
        finally:
            kubectl(f"delete runbooks --all -n {NAMESPACE} --timeout={30 * PATIENCE:.0f}s", quiet=True)


def _play(began: float) -> None:
    say("A shop, and the runbook of its team.")
    kubectl(f"apply -n {NAMESPACE} -f examples/01-first-switch/")
    wait("the switch is ready", lambda: ready(SWITCH))
    _pods()
    kubectl(f"get rb,sw -n {NAMESPACE}")
    say("Three in the morning: the payment provider charges twice. The kill switch is thrown.")
    first = time.monotonic() - began
    engaged = _timed('{"spec":{"engaged":true,"reason":"INC-42"}}', thrown="true", replicas="0")
    wait("the switch is engaged", lambda: phase(SWITCH) == "Engaged")
    kubectl(f"get sw,deploy -n {NAMESPACE}")
    _contest()
    say("The incident is over. The switch is released, and the operator restores the 3 replicas.")
    released = _timed('{"spec":{"engaged":null,"reason":null}}', thrown="", replicas=str(REPLICAS))
    wait("the switch is released", lambda: phase(SWITCH) == "Released")
    kubectl(f"get sw,deploy -n {NAMESPACE}")
    print(f"{BOLD}From the accepted patch to the Deployment's accepted write, as an independent watcher saw it:{END}")
    print(f"  throw    {engaged:5.0f} ms   replicas {REPLICAS} -> 0")
    print(f"  release  {released:5.0f} ms   replicas 0 -> {REPLICAS}")
    aside(f"first switch thrown {first:.0f} s after the start")
    print()


def _contest() -> None:
    say("Somebody scales it up again while it is held. The operator undoes that, and reports it.")
    kubectl(f"scale deployment {DEPLOYMENT} -n {NAMESPACE} --replicas=2")
    wait("it is put back", lambda: get("deployment", DEPLOYMENT, "{.spec.replicas}") == "0")
    wait("an Event reports the correction", lambda: "DriftCorrected" in _events())
    columns = "-o custom-columns=REASON:.reason,MESSAGE:.message"
    kubectl(f"get events -n {NAMESPACE} --field-selector involvedObject.name={SWITCH} {columns}")


def _timed(patch: str, *, thrown: str, replicas: str) -> float:
    """Patch the switch; returns the milliseconds between a watcher seeing the lever and seeing the target move."""
    with (
        watching("switch", SWITCH, "{.spec.engaged}") as lever,
        watching("deployment", DEPLOYMENT, "{.spec.replicas}") as target,
    ):
        kubectl(f"patch sw {SWITCH} -n {NAMESPACE} --type merge -p {shlex.quote(patch)}")
        moved = observed(lever, thrown)
        done = observed(target, replicas)
    return (done - moved) * 1000


def _events() -> str:
    return run(["kubectl", "get", "events", "-n", NAMESPACE, "-o", "jsonpath={.items[*].reason}"])


def _pods() -> None:
    """With a node the pods run; without one they stay Pending, which no switch minds."""
    if has_node():
        kubectl(f"rollout status deployment/{DEPLOYMENT} -n {NAMESPACE} --timeout={40 * PATIENCE:.0f}s")
        return
    aside("the lab runs without a node here: pods stay Pending; what the switch does is the same")
    print()
