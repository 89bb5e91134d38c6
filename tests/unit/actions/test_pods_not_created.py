"""Controllers without a condition for it tell by Events that no pod can be made; they are read after the writes."""

from typing import Any

import pytest

from runbook_operator.core.queries import Denied, Find, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref, meta_of
from runbook_operator.switches.requeue import due
from tests.builders import NAMESPACE, Body, Simulation, condition, kill_switch, workload_body

REFUSED = 'pods "web-0" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=0, limited: pods=0'
SAID = {
    "StatefulSet": f"create Pod web-0 in StatefulSet web failed error: {REFUSED}",
    "DaemonSet": f"Error creating: {REFUSED}",
}
DENIED = Denied(Reason.FORBIDDEN, "no")
LATER = "2026-11-24T03:00:05Z"
EARLIER = "2026-11-24T02:59:00Z"


class HealthChecker(Simulation):
    """Keeps what was asked of Events, and how many writes there were by then."""

    def answer(self, query: Query) -> Any:
        if isinstance(query, Find) and query.kind == "Event":
            self.asked = [*getattr(self, "asked", []), len(self.steps)]
        return super().answer(query)


def ready(kind: str, action: Body, *others: Body) -> HealthChecker:
    ref = Ref("apps/v1", kind, NAMESPACE, "web")
    status = {"observedGeneration": 1, "desiredNumberScheduled": 3, "numberAvailable": 3}
    body = workload_body(3, ref=ref, template={"metadata": {}}) | {"status": status}
    body["metadata"]["generation"] = 1
    target = {"name": "web", "workload": {"kind": kind, "name": "web"}}
    entry = kill_switch("stop", action, *others)
    simulation = HealthChecker().with_object(body).with_runbook(targets=[target], killSwitches=[entry]).drive()
    assert isinstance(simulation, HealthChecker)
    return simulation


def event(simulation: Simulation, kind: str, at: str = LATER, reason: str = "FailedCreate", **rest: Any) -> Simulation:
    about = next(one["metadata"]["uid"] for ref, one in simulation.objects.items() if ref.kind == kind)
    said = {"reason": reason, "message": SAID.get(kind, f"Error creating: {REFUSED}"), "lastTimestamp": at}
    meta = {"name": f"web.{reason}", "creationTimestamp": at}
    body = {"apiVersion": "v1", "kind": "Event", "metadata": meta, "involvedObject": {"uid": about}} | said | rest
    return simulation.with_object(body)


def says(simulation: Simulation) -> tuple[str, str]:
    _, reason, message = condition(simulation.status(), "Ready")
    return reason, message


UP = {"scale": {"target": "web", "replicas": 5}}
RESTART = {"restart": {"target": "web"}}


@pytest.mark.parametrize(("kind", "action"), [("StatefulSet", UP), ("StatefulSet", RESTART), ("DaemonSet", RESTART)])
def test_failed_create_events_since_the_throw_stall_the_switch(kind: str, action: Body) -> None:
    simulation = event(ready(kind, action).throw(), kind).drive()

    reason, message = says(simulation)
    assert reason == "PodsNotCreated"
    assert f"{kind}/web: its controller cannot create pods: {REFUSED}. Free room in the quota" in message
    assert simulation.after(minutes=2).drive().status().phase == "Stalled"

    event(simulation, kind, "2026-11-24T03:02:30Z", "SuccessfulCreate").drive()
    assert simulation.status().phase == "Engaged"
    assert says(simulation)[0] == "Ready"


def test_events_are_read_after_the_last_write_of_the_throw() -> None:
    simulation = ready("StatefulSet", UP, RESTART)
    simulation.steps.clear()

    event(simulation.throw(), "StatefulSet").drive()

    writes = [type(step).__name__ for step in simulation.steps]
    last = max(number for number, name in enumerate(writes) if name == "WriteTarget")
    assert simulation.asked
    assert min(simulation.asked) > last


@pytest.mark.parametrize(
    ("at", "reason", "rest"),
    [
        (EARLIER, "FailedCreate", {}),
        (LATER, "RecreatingFailedPod", {}),
        (EARLIER, "FailedCreate", {"lastTimestamp": None}),
    ],
)
def test_older_events_and_other_reasons_do_not_stall_the_switch(at: str, reason: str, rest: Body) -> None:
    simulation = event(ready("StatefulSet", UP).throw(), "StatefulSet", at, reason, **rest).drive()

    assert says(simulation)[0] == "Ready"


def test_workload_with_forbidden_event_list_is_engaged() -> None:
    simulation = ready("StatefulSet", UP)
    simulation.answer = lambda query: (  # type: ignore[method-assign] # one answer is another
        DENIED if isinstance(query, Find) and query.kind == "Event" else Simulation.answer(simulation, query)
    )

    assert says(simulation.throw().drive())[0] == "Ready"


def test_event_message_of_unknown_form_is_shown_unchanged() -> None:
    simulation = event(ready("StatefulSet", UP).throw(), "StatefulSet", message="no room").drive()

    assert says(simulation)[1].endswith("its controller cannot create pods: no room")


def test_engaged_switch_with_missing_pods_is_visited_again_within_seconds() -> None:
    simulation = ready("StatefulSet", UP).throw().drive().after(seconds=3).drive()

    at = due(simulation.looked())
    assert at is not None
    assert (at - simulation.now).total_seconds() <= 10


@pytest.mark.parametrize("wait", [True, False])
def test_job_without_pods_reports_the_reason(wait: bool) -> None:  # noqa: FBT001 # a parameter of the test
    job = {"template": {"spec": {"containers": [{"name": "job"}]}}}
    simulation = Simulation()
    simulation.with_runbook(killSwitches=[kill_switch("stop", {"runJob": {"job": job, "wait": wait}})]).throw().drive()
    (ref,) = [meta_of(one).ref for one in simulation.objects.values() if one["kind"] == "Job"]

    event(simulation, "Job").change(ref, {"status": {"startTime": LATER}}).after(seconds=5).drive()

    reason, message = says(simulation)
    assert reason == "PodsNotCreated"
    assert message.startswith(
        f"{ref} has not created a pod yet; {ref}: its controller cannot create pods: {REFUSED}. Free room"
    )
    assert simulation.status().phase == ("Engaging" if wait else "Engaged")
    assert simulation.after(minutes=2).drive().status().phase == "Stalled"


def test_restart_of_a_workload_without_pods_reports_nothing_to_restart() -> None:
    simulation = Simulation().with_object(workload_body(0, template={"metadata": {}}))
    simulation.with_runbook(killSwitches=[kill_switch("stop", RESTART)]).drive()
    text = "Deployment/web has 0 replicas: there is no pod to restart"

    assert says(simulation) == ("Ready", text)
    assert condition(simulation.throw().drive().status(), "Engaged")[2].endswith(text)
