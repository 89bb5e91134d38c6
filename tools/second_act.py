"""The second act: nobody is awake, a bad version is deployed, and the runbook goes back by itself."""

from dataclasses import dataclass
from typing import Any

from tools import checkout
from tools.checkout import DEPLOYMENT, METRIC, RUNBOOK, SETTLES, SWITCH
from tools.stage import BOLD, END, NAMESPACE, aside, kubectl, observed, say, watching

VERSION = '{.spec.template.spec.containers[0].env[?(@.name=="VERSION")].value}'
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


def play() -> None:
    """Play it, and print its time line."""
    with checkout.running("11-metrics") as answers:
        _time_line(_break_it(), answers())


def _break_it() -> Moments:
    checkout.wait_until_watched()
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
