"""Objects as nobody expects them: duplicates, nulls, lists in place of maps. A decision about them never fails.

The API server holds its own kinds to their schemas: they have duplicates, and lack what is optional. What custom
resources hold is up to their definitions.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.core.references import Ref
from tests.builders import NAMESPACE, Body, Simulation, kill_switch, scale, workload_body

ROLLOUT = "argoproj.io/v1alpha1"
CONTAINER = {
    "name": "app",
    "image": "app:1",
    "env": [{"name": "AI", "value": "true"}, {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "flags"}}}],
    "envFrom": [{"configMapRef": {"name": "flags"}}],
    "volumeMounts": [{"name": "flags", "mountPath": "/flags", "subPath": "ai"}],
}
POD = {
    "initContainers": [{"name": "agent", "restartPolicy": "Always", "env": [{"name": "AI", "value": "true"}]}],
    "containers": [CONTAINER],
    "volumes": [{"name": "flags", "configMap": {"name": "flags"}}],
}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": POD}
VARIANTS = {"on": True, "off": False}
OBJECTS: dict[str, Body] = {
    "flags": {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "flags"},
        "data": {"ai": "true", "app.yaml": "flags: {ai: on}"},
        "binaryData": {"other": "eA=="},
    },
    "feature": {
        "apiVersion": "core.openfeature.dev/v1beta1",
        "kind": "FeatureFlag",
        "metadata": {"name": "feature"},
        "spec": {"flagSpec": {"flags": {"ai": {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "on"}}}},
    },
    "web": workload_body(3, selector={"matchLabels": {"app": "web"}}, template=TEMPLATE),
    "rollout": workload_body(3, ref=Ref(ROLLOUT, "Rollout", NAMESPACE, "rollout"), uid="ro-1", template=TEMPLATE),
    "job": {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "job"},
        "spec": {"suspend": False, "schedule": "@daily", "jobTemplate": {"spec": {"template": TEMPLATE}}},
    },
}
TARGETS = [
    {"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}},
    {"name": "file", "workload": {"name": "web"}, "flags": {"configMap": "flags", "key": "app.yaml"}},
    {"name": "feature", "flags": {"featureFlag": "feature"}},
    {"name": "rollout", "workload": {"apiVersion": ROLLOUT, "kind": "Rollout", "name": "rollout"}},
    {"name": "job", "workload": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "job"}},
]


def flag(target: str, name: str, value: str = "false", **rest: Any) -> Body:
    return {"setFlag": {"target": target, "flag": name, "value": value} | rest}


ACTIONS = [
    flag("web", "ai"),
    flag("web", "AI", env={"container": "app"}),
    flag("web", "AI", env={"container": "agent"}),
    flag("file", "flags.ai", "off", restart=True),
    flag("feature", "ai", "off"),
    flag("rollout", "AI", env={}),
    {"suspend": {"target": "job"}},
    scale(replicas=1),
]
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, "", "x", 3, True, [None], [{}], [{"name": "AI"}, {"name": "AI"}], {"name": {}}]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something may be put, in the object itself and in all that is in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def changed(body: Body, path: tuple[Any, ...], odd: Callable[[Any], Any]) -> Body:
    body = deepcopy(body)
    holder = body
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = odd(holder[path[-1]])
    return body


OPTIONAL = {"data", "binaryData", "env", "envFrom", "value", "valueFrom", "initContainers", "volumes", "volumeMounts"}


def is_custom(body: Body) -> bool:
    return body["kind"] in ("FeatureFlag", "Rollout")


@st.composite
def odd_bodies(draw: st.DrawFn) -> Body:
    """One of the objects with one place of it replaced, left out or doubled."""
    body = draw(st.sampled_from(list(OBJECTS.values())))
    inside = [one for one in places(body) if one[0] in ("spec", "data", "binaryData")]
    if is_custom(body):
        odd = draw(ODD)
        return changed(body, draw(st.sampled_from([one for one in inside if len(one) > 1])), lambda _: odd)
    return changed(body, draw(st.sampled_from([one for one in inside if one[-1] in OPTIONAL])), doubled_or_none)


def doubled_or_none(old: Any) -> Any:
    return [*old, *old] if isinstance(old, list) else None


@settings(max_examples=60, deadline=None)
@given(odd_bodies(), st.sampled_from(["idle", "engaged", "released"]), st.sampled_from(range(len(ACTIONS))))
def test_unusual_object_makes_no_decision_fail(body: Body, when: str, first: int) -> None:
    simulation = Simulation()
    for one in OBJECTS.values():
        simulation.with_object(one)
    actions = [*ACTIONS[first:], *ACTIONS[:first]]
    entry = kill_switch("stop", *actions, continueOnFailure=True)
    simulation.with_runbook(targets=TARGETS, killSwitches=[entry])

    if when == "idle":
        simulation.with_object(body)
    simulation.drive(at_most=60)
    simulation.throw().drive(at_most=60)
    replace(simulation, body)
    simulation.after(seconds=60).drive(at_most=60)
    if when == "released":
        simulation.release().drive(at_most=60)
        assert simulation.status().record is None


def replace(simulation: Simulation, body: Body) -> None:
    """Somebody puts the odd object there, as the same one."""
    live = simulation.live(body["kind"], body["metadata"]["name"])
    simulation.with_object(body | {"metadata": live["metadata"]})
