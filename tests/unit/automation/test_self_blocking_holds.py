"""A source that engages a switch which takes down what the source asks: said at rest, and while it is held."""

from typing import Any

import pytest

from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.queries import Read
from runbook_operator.core.references import Ref
from runbook_operator.switches.engine import next_step
from tests.builders import NAMESPACE, Body, Simulation, condition, kill_switch, scale, workload_body

MODEL = Ref("v1", "Service", NAMESPACE, "model")
TARGET: Body = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}
BLOCK: Body = {"blockTraffic": {"target": "web"}}


def service(name: str, **selector: str) -> Body:
    meta = {"name": name, "namespace": NAMESPACE, "uid": f"svc-{name}", "resourceVersion": "1"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": selector}}


def dependency(name: str, engage: str = "stop") -> Body:
    check = {"tcp": {"service": {"name": name}}}
    return {"dependencies": [{"name": "model", "check": check, "fallback": {"engage": engage}}]}


def metric(**source: Any) -> Body:
    return {"metrics": [{"name": "few", "critical": "< 1", "response": {"firstAction": {"engage": "stop"}}} | source]}


def ready(action: Body | None = None, *, automatic: bool = True, **spec: Any) -> Simulation:
    switch = kill_switch("stop", action or scale(replicas=0), automatic=automatic)
    simulation = Simulation().with_object(service("web", app="web")).with_object(service("model", app="web"))
    simulation.with_object(service("other", app="other")).with_object(service("bare"))
    spec = {"targets": [TARGET], "killSwitches": [switch, kill_switch("halt")]} | spec
    simulation.store.put_target(observed_from(workload_body(3, template={"metadata": {"labels": {"app": "web"}}})))
    return simulation.with_runbook(**spec).drive()


def remark(simulation: Simulation) -> tuple[str, str]:
    status = simulation.status()
    assert condition(status, "Automatic")[2] == condition(status, "Ready")[2]
    return condition(status, "Automatic")[1:]


CIRCLES = {
    "dependency on the Service of the target": (dependency("web"), None, "Dependency model checks Service/web"),
    "dependency on another Service over its pods": (dependency("model"), None, "Dependency model checks Service/model"),
    "dependency on a Service that is blocked": (dependency("web"), BLOCK, "Dependency model checks Service/web"),
    "step to nothing": (dependency("web"), scale(by=-5), "Dependency model checks Service/web"),
    "number over HTTP": (
        metric(http={"service": {"name": "web"}, "jsonPath": "$.n"}),
        None,
        "Metric few checks Service/web",
    ),
}


@pytest.mark.parametrize(("spec", "action", "words"), CIRCLES.values(), ids=CIRCLES.keys())
def test_source_taken_down_by_its_own_switch_is_remarked_at_rest(spec: Body, action: Body | None, words: str) -> None:
    reason, message = remark(ready(action, **spec))

    assert reason == "Automatic"
    assert message.startswith(words)
    assert (
        "while it is engaged, the check cannot recover, and the switch stays engaged. To release it by hand: kubectl "
        in message
    )


NO_CIRCLES: dict[str, tuple[Body, Body | None]] = {
    "another Service": (dependency("other"), None),
    "a Service without a selector": (dependency("bare"), None),
    "a Service that does not exist": (dependency("gone"), None),
    "a Service beside the one that is blocked": (dependency("other"), BLOCK),
    "another switch": (dependency("web", "halt"), None),
    "a scale that leaves a pod": (dependency("web"), scale(replicas=1)),
    "a block at a gateway": (dependency("web"), {"blockTraffic": {"target": "web", "through": ["HTTPRoute"]}}),
    "a number of the workload": (metric(pods={"target": "web", "measure": "Restarts"}), None),
    "a query": (metric(query="up"), None),
    "a URL": ({"dependencies": [{"name": "a", "check": {"http": {"url": "https://a.example"}}}]}, None),
    "a URL with a fallback": (
        {
            "dependencies": [
                {"name": "a", "check": {"http": {"url": "https://a.example"}}, "fallback": {"engage": "stop"}}
            ]
        },
        None,
    ),
}


@pytest.mark.parametrize(("spec", "action"), NO_CIRCLES.values(), ids=NO_CIRCLES.keys())
def test_source_independent_of_its_switch_has_no_remark(spec: Body, action: Body | None) -> None:
    status = ready(action, **spec).status()

    assert condition(status, "Automatic")[1:] == ("Automatic", "")
    assert "cannot recover, and the switch stays engaged" not in condition(status, "Ready")[2]


def test_manual_switch_has_no_remark_about_its_sources() -> None:
    assert "recover" not in condition(ready(automatic=False, **dependency("web")).status(), "Ready")[2]


def test_switch_that_keeps_its_own_source_down_reports_the_release_command() -> None:
    simulation = ready(**dependency("model")).monitor_state("Engage", name="model", source="Dependency").drive()

    status, reason, message = condition(simulation.status(), "Automatic")
    assert (simulation.replicas, status, reason) == (0, "True", "HeldByItself")
    assert message.endswith('-p \'{"spec":{"engaged":false,"reason":"it holds itself engaged"}}\'')
    assert next_step(simulation.snapshot(thorough=False)) is None
    assert simulation.silence().drive().replicas == 3
    assert simulation.monitor_state("Release", name="model", source="Dependency").release().drive().replicas == 3
    assert condition(simulation.status(), "Automatic")[1] == "Automatic"


def test_throw_reads_no_service_for_the_self_hold_check() -> None:
    class Reading(Simulation):
        def answer(self, query: Any) -> Any:
            assert query != Read(MODEL) or self.status().record is None or self.status().phase == "Engaged"
            return super().answer(query)

    made = ready(**dependency("model"))
    made.__class__ = Reading

    assert made.monitor_state("Engage", name="model", source="Dependency").drive().replicas == 0
