"""Two acts of the operator on one target: what both make live, what the second reports, what each release leaves.

`OUTCOMES` is the one table: `tests/unit/switches/test_pairs.py` holds the decisions to it by the simulation in
`tests/both.py`, and `tools/two_switches.py` makes docs/reference/two-switches.md of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from tests.builders import Body, kill_switch, scale

Live = dict[str, object]
"""What is live, where it is not what was there before both."""


@dataclass(frozen=True)
class Kind:
    """One act: what a page calls it, the entry of the Runbook that does it, what it makes live, and where.

    `stays` where a release does not undo it; `guard` where the deployment guard does it and not a person.
    """

    title: str
    section: str
    entry: Body
    live: Live
    place: str
    stays: bool = False
    guard: bool = False


def _switch(title: str, action: Body, live: Live, place: str, **rest: Any) -> Kind:
    stays = bool(rest.get("momentary")) or next(iter(action)) not in ("scale", "setFlag", "suspend")
    return Kind(title, "killSwitches", kill_switch("", action, **rest), live, place, stays)


FLAG: Body = {"setFlag": {"target": "web", "flag": "AI", "value": "off", "env": {}}}
BACK: Body = {"rollback": {"target": "web"}}
SUSPEND: Body = {"suspend": {"target": "backup"}}
PROBE: Body = {"target": "web", "path": "/ready", "probe": "readiness"}
KINDS: Mapping[str, Kind] = {
    "stop": _switch("kill switch to 0 replicas", scale(replicas=0), {"replicas": 0}, "replicas"),
    "up": Kind("scaling command by 1", "scaling", {"target": "web", "by": 1}, {"replicas": 4}, "replicas", stays=True),
    "rollback": _switch("`rollback`", BACK, {"version": "one"}, "template"),
    "restart": _switch("`restart`", {"restart": {"target": "web"}}, {"restarted": True}, "template"),
    "flag": _switch("`setFlag` in the pods", FLAG, {"flag": "off"}, "template"),
    "suspend": _switch("`suspend`", SUSPEND, {"suspended": True}, "suspend"),
    "job": _switch("`runJob`", {"runJob": {"fromCronJob": "backup"}}, {"jobs": 1}, "jobs"),
    "notice": _switch("`notify`", {"notify": {"contact": "team", "message": "Off."}}, {"notices": 1}, "notices"),
    "guard": replace(_switch("`rollback` by the guard", BACK, {"version": "one"}, "template"), guard=True),
    "probe": Kind("enforced probe", "healthEndpoints", PROBE, {"probe": "/ready"}, "template"),
    "flag once": _switch("momentary `setFlag` in the pods", FLAG, {"flag": "off"}, "template", momentary=True),
    "rollback once": _switch("momentary `rollback`", BACK, {"version": "one"}, "template", momentary=True),
    "suspend once": _switch("momentary `suspend`", SUSPEND, {"suspended": True}, "suspend", momentary=True),
}


@dataclass(frozen=True)
class Outcome:
    """What is live with both, what the second reports, and what is live once one of them is released, or both.

    `reports` is a part of the condition's message, for both of its own Runbook and of another.
    """

    both: Live
    reports: str
    without_first: Live
    without_second: Live
    neither: Live = field(default_factory=dict)


ZERO: Live = {"replicas": 0}
FIVE: Live = {"replicas": 5}
OLD: Live = {"version": "one"}
OFF: Live = {"flag": "off"}
AGAIN: Live = {"restarted": True}
ASKED: Live = {"probe": "/ready"}
HELD_AT_0 = "did nothing: shop-first holds Deployment/web at 0 since 03:00 (INC-42); release it first"
HELD_TEMPLATE = "did nothing: shop-first holds the pod template of Deployment/web at revision 1 since 03:00"
HELD_AT_ONE = HELD_TEMPLATE.replace("the pod template of ", "")
FOUND_BAD = "revision 2 of Deployment/web is bad: metric error-rate is Critical (12% > 10%)"
EXCUSED = "so what becomes Critical meanwhile does not count against it"
BROUGHT = "a switch rolled back to it"
WAITS = "it waits until Switch shop-first is released, which holds a field in the pod template of Deployment/web"
OUTCOMES: Mapping[tuple[str, str], Outcome] = {
    ("stop", "stop"): Outcome(ZERO, "Deployment/web from 3 to 0", ZERO, ZERO),
    ("stop", "up"): Outcome(ZERO, HELD_AT_0, {}, ZERO),
    ("up", "stop"): Outcome(ZERO, "Deployment/web from 4 to 0", ZERO, {"replicas": 4}, {"replicas": 4}),
    ("up", "up"): Outcome(FIVE, "Deployment/web from 4 to 5", FIVE, FIVE, FIVE),
    ("rollback", "rollback"): Outcome(OLD, "Deployment/web from revision 2 to revision", OLD, OLD, OLD),
    ("rollback", "restart"): Outcome(OLD | AGAIN, "3 of 3 restarted", OLD | AGAIN, OLD | AGAIN, OLD | AGAIN),
    ("restart", "rollback"): Outcome(OLD, "Deployment/web from revision 2 to revision 1", OLD, OLD, OLD),
    ("rollback", "flag"): Outcome(OLD | OFF, 'to {"name": "AI", "value": "off"}', OLD | OFF, OLD, OLD),
    ("flag", "rollback"): Outcome(OLD | OFF, "Deployment/web from revision 2 to revision 1", OLD, OLD | OFF, OLD),
    ("flag", "flag"): Outcome(OFF, 'to {"name": "AI", "value": "off"}', OFF, OFF),
    ("flag", "restart"): Outcome(OFF | AGAIN, "3 of 3 restarted", AGAIN, OFF | AGAIN, AGAIN),
    ("restart", "flag"): Outcome(OFF | AGAIN, 'to {"name": "AI", "value": "off"}', OFF | AGAIN, AGAIN, AGAIN),
    ("restart", "restart"): Outcome(AGAIN, "3 of 3 restarted", AGAIN, AGAIN, AGAIN),
    ("rollback", "probe"): Outcome(OLD, WAITS, OLD | ASKED, OLD, OLD),
    ("probe", "rollback"): Outcome(OLD, "Deployment/web from revision 3 to revision 1", OLD, OLD | ASKED, OLD),
    ("flag", "probe"): Outcome(OFF, WAITS, ASKED, OFF),
    ("probe", "flag"): Outcome(OFF | ASKED, 'to {"name": "AI", "value": "off"}', OFF | ASKED, ASKED),
    ("restart", "probe"): Outcome(AGAIN | ASKED, "", AGAIN | ASKED, AGAIN, AGAIN),
    ("probe", "restart"): Outcome(ASKED | AGAIN, "3 of 3 restarted", AGAIN, ASKED | AGAIN, AGAIN),
    ("guard", "guard"): Outcome(OLD, BROUGHT, OLD, OLD, OLD),
    ("guard", "rollback"): Outcome(OLD, "Deployment/web from revision 2 to revision", OLD, OLD, OLD),
    ("rollback", "guard"): Outcome(OLD, BROUGHT, OLD, OLD, OLD),
    ("guard", "restart"): Outcome(OLD | AGAIN, "3 of 3 restarted", OLD | AGAIN, OLD | AGAIN, OLD | AGAIN),
    ("restart", "guard"): Outcome(OLD, "Deployment/web from revision 2 to revision 1", OLD, OLD, OLD),
    ("guard", "flag"): Outcome(OLD | OFF, 'to {"name": "AI", "value": "off"}', OLD | OFF, OLD, OLD),
    ("flag", "guard"): Outcome(OFF, f"switch shop-first holds a flag of target web, {EXCUSED}", {}, OFF),
    ("guard", "probe"): Outcome(OLD, WAITS, OLD | ASKED, OLD, OLD),
    ("probe", "guard"): Outcome(OLD, "Deployment/web from revision 3 to revision 1", OLD, OLD | ASKED, OLD),
    ("stop", "guard"): Outcome(ZERO, f"switch shop-first holds Deployment/web at 0, {EXCUSED}", {}, ZERO),
    ("job", "job"): Outcome({"jobs": 2}, "complete in", {"jobs": 2}, {"jobs": 2}, {"jobs": 2}),
    ("notice", "notice"): Outcome({"notices": 2}, "made", {"notices": 2}, {"notices": 2}, {"notices": 2}),
    ("guard", "flag once"): Outcome(OLD, f"{HELD_TEMPLATE} ({FOUND_BAD}); release it first", OLD, OLD, OLD),
    ("guard", "rollback once"): Outcome(OLD, f"{HELD_AT_ONE} ({FOUND_BAD}); release it first", OLD, OLD, OLD),
    ("suspend", "suspend"): Outcome(
        {"suspended": True}, "from false to true", {"suspended": True}, {"suspended": True}
    ),
    ("flag", "flag once"): Outcome(OFF, "did nothing: shop-first holds Deployment/web spec.template", {}, OFF),
    ("rollback", "flag once"): Outcome(OLD, HELD_TEMPLATE, OLD, OLD, OLD),
    ("flag", "rollback once"): Outcome(OLD | OFF, "Deployment/web from revision 2 to revision 1", OLD, OLD | OFF, OLD),
    ("rollback", "rollback once"): Outcome(OLD, HELD_AT_ONE, OLD, OLD, OLD),
    ("suspend", "suspend once"): Outcome(
        {"suspended": True},
        "did nothing: shop-first holds CronJob/backup spec.suspend at true",
        {},
        {"suspended": True},
    ),
}
USUAL = [name for name in KINDS if not name.endswith("once")]
INDEPENDENT = [
    (first, second)
    for first, second in product(USUAL, USUAL)
    if (first, second) not in OUTCOMES and KINDS[first].place != KINDS[second].place
]
"""Pairs on different fields: each does what it does alone."""


def alone(first: str, second: str) -> Outcome:
    """The outcome of a pair on different fields."""
    one, other = KINDS[first], KINDS[second]
    left, right = (kind.live if kind.stays else {} for kind in (one, other))
    return Outcome({**one.live, **other.live}, "", {**left, **other.live}, {**one.live, **right}, {**left, **right})
