"""What the pods of a target tell: why they wait, and how often their containers restart."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.core.monitors import AskPods
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import REGISTRY
from runbook_operator.sources.pod_counts import MOST_RESTARTS
from runbook_operator.sources.source_base import Found, Number, UnreadableSpecError
from tests.builders import NAMESPACE, NOW, WEB

Body = dict[str, Any]
PODS = REGISTRY["pods"]
SERVICE = Ref("v1", "Service", NAMESPACE, "web")
LONG_AGO = NOW - timedelta(days=3)


def spec(**rest: Any) -> Any:
    return PODS.Spec.model_validate({"target": "api", "measure": "Waiting"} | rest)


def restarting(within: str = "10m") -> Any:
    return spec(measure="Restarts", within=within)


def container(name: str = "app", *, waits: str = "", restarts: int = 0, ended: datetime | None = None) -> Body:
    state = {"waiting": {"reason": waits}} if waits else {"running": {}}
    last = {"terminated": {"finishedAt": f"{ended:%Y-%m-%dT%H:%M:%SZ}"}} if ended else {}
    return {"name": name, "restartCount": restarts, "state": state, "lastState": last}


def pod(name: str, *containers: Body, created: datetime = LONG_AGO, **rest: Any) -> Body:
    meta = {"name": name, "uid": f"uid-{name}", "creationTimestamp": f"{created:%Y-%m-%dT%H:%M:%SZ}"}
    status = {"phase": "Running", "containerStatuses": list(containers)}
    return {"metadata": meta, "status": status} | rest


def waiting(*pods: Body, **rest: Any) -> Number:
    return PODS.number(spec(**rest), Found(pods, NOW))


def restarts(*pods: Body, at: datetime = NOW, after: Number | None = None, within: str = "10m") -> Number:
    return PODS.number(restarting(within), Found(pods, at, before=after.memory if after else None))


@pytest.mark.parametrize(
    ("target", "of"),
    [(TargetRefs("api", workload=WEB, service=SERVICE), WEB), (TargetRefs("api", service=SERVICE), SERVICE)],
)
def test_pods_are_selected_by_workload_or_service(target: TargetRefs, of: Ref) -> None:
    assert PODS.request(spec(), NAMESPACE, target) == AskPods(of)


def test_target_without_workload_and_service_is_refused() -> None:
    with pytest.raises(UnreadableSpecError, match="api has no workload and no service; add it") as caught:
        PODS.request(spec(), NAMESPACE, TargetRefs("api"))

    assert caught.value.field == "target"


@pytest.mark.parametrize("within", ["59s", "25h"])
def test_too_short_or_long_window_is_refused_with_its_field(within: str) -> None:
    with pytest.raises(UnreadableSpecError, match="within must be from 1m to 1d") as caught:
        PODS.request(restarting(within), NAMESPACE, TargetRefs("api", workload=WEB))

    assert caught.value.field == "within"


@pytest.mark.parametrize(
    "odd", [{"measure": "Waiting", "within": "1m"}, {"measure": "Restarts", "reasons": ["CrashLoopBackOff"]}]
)
def test_field_of_the_other_measure_is_refused(odd: Body) -> None:
    with pytest.raises(ValidationError, match="is only for measure"):
        spec(**odd)


def test_waiting_pods_are_counted_and_named_with_the_reason() -> None:
    found = waiting(
        pod("web-1", container(), container("proxy", waits="CrashLoopBackOff")),
        pod("web-2", container(waits="ImagePullBackOff"), container("proxy", waits="CrashLoopBackOff")),
        pod("web-3", container()),
    )

    assert found == Number(2.0, "web-1 (CrashLoopBackOff), web-2 (ImagePullBackOff)")


def test_limited_number_of_waiting_pods_is_named() -> None:
    found = waiting(*(pod(f"web-{number}", container(waits="ErrImagePull")) for number in range(5)))

    assert found.value == 5.0
    assert found.series == "web-0 (ErrImagePull), web-1 (ErrImagePull), web-2 (ErrImagePull) and 2 more"


def test_starting_container_counts_as_waiting_only_where_requested() -> None:
    pods = (pod("web-1", container(waits="ContainerCreating")), pod("web-2", container(waits="PodInitializing")))

    assert waiting(*pods) == Number(0.0)
    assert waiting(*pods, reasons=["PodInitializing"]) == Number(1.0, "web-2 (PodInitializing)")


def test_only_requested_reasons_count() -> None:
    pods = (pod("web-1", container(waits="CrashLoopBackOff")), pod("web-2", container(waits="ErrImagePull")))

    assert waiting(*pods, reasons=["ErrImagePull"]) == Number(1.0, "web-2 (ErrImagePull)")


def test_init_containers_count_as_waiting() -> None:
    odd = pod("web-1", container())
    odd["status"]["initContainerStatuses"] = [container("init", waits="CrashLoopBackOff", restarts=2)]

    assert waiting(odd).value == 1.0
    assert restarts(odd | {"metadata": odd["metadata"] | {"creationTimestamp": "2026-11-24T02:59:00Z"}}).value == 2.0


def test_empty_pod_list_has_no_waiting_and_no_restarts() -> None:
    assert waiting() == Number(0.0)
    assert restarts().value == 0.0


@pytest.mark.parametrize(
    "gone",
    [
        pod("web-1", container(waits="CrashLoopBackOff"), status={}),
        pod("web-1", status={"phase": "Pending"}),
        pod("web-1", status={"phase": "Failed", "containerStatuses": [container(waits="CrashLoopBackOff")]}),
        {
            "metadata": {"name": "web-1", "uid": "1", "deletionTimestamp": "2026-11-24T03:00:00Z"},
            "status": {"containerStatuses": [container(waits="CrashLoopBackOff", restarts=3)]},
        },
    ],
)
def test_terminating_finished_or_unscheduled_pod_is_ignored(gone: Body) -> None:
    assert waiting(gone).value == 0.0
    assert restarts(gone).value == 0.0


def test_first_reading_counts_all_restarts_of_a_young_pod_and_the_last_of_an_old_one() -> None:
    ended = NOW - timedelta(minutes=2)
    found = restarts(
        pod("young", container(restarts=4, ended=ended), created=NOW - timedelta(minutes=8)),
        pod("old", container(restarts=40, ended=ended)),
        pod("calm", container(restarts=40, ended=NOW - timedelta(minutes=11))),
        pod("unknown", container(restarts=40)),
    )

    assert (found.value, found.series) == (5.0, "young (4), old (1)")


def test_young_pod_without_end_time_restarted_since_creation() -> None:
    assert restarts(pod("young", container(restarts=2), created=NOW - timedelta(minutes=8))).value == 2.0


def test_each_restart_between_readings_counts_within_the_window() -> None:
    at, found = NOW, restarts(pod("web-1", container(restarts=40)))
    values = []
    for number in range(1, 31):
        at = NOW + timedelta(minutes=number)
        count = 40 + min(number, 10) * 2
        found = restarts(pod("web-1", container(restarts=count, ended=at - timedelta(seconds=5))), at=at, after=found)
        values.append(found.value)

    assert values[:10] == [2.0 * number for number in range(1, 11)]
    assert values[10:20] == [2.0 * number for number in range(9, -1, -1)]
    assert set(values[20:]) == {0.0}


def test_restart_without_or_with_future_end_time_counts_as_now() -> None:
    first = restarts(pod("web-1", container(restarts=1)))
    later = NOW + timedelta(minutes=1)
    for ended in (None, later + timedelta(hours=1)):
        second = restarts(pod("web-1", container(restarts=2, ended=ended)), at=later, after=first)
        assert second.value == 1.0
        last = restarts(pod("web-1", container(restarts=2)), at=later + timedelta(minutes=10), after=second)
        assert last.value == 0.0


def test_restarts_of_a_replaced_pod_are_dropped() -> None:
    first = restarts(pod("web-1", container(restarts=3), created=NOW - timedelta(minutes=5)))
    second = restarts(pod("web-2", container(), created=NOW), at=NOW + timedelta(minutes=1), after=first)

    assert (first.value, second.value) == (3.0, 0.0)


def test_recreated_pod_with_another_uid_is_another_pod() -> None:
    first = restarts(pod("web-0", container(restarts=3), created=NOW - timedelta(minutes=5)))
    again = pod("web-0", container(restarts=1), created=NOW)
    again["metadata"]["uid"] = "other"

    assert restarts(again, at=NOW + timedelta(minutes=1), after=first).value == 1.0


def test_falling_restart_count_adds_no_restart() -> None:
    first = restarts(pod("web-1", container(restarts=3)))

    assert restarts(pod("web-1", container(restarts=1)), at=NOW + timedelta(minutes=1), after=first).value == 0.0


def test_gap_longer_than_the_window_starts_again() -> None:
    """Of ten restarts in an hour without a reading nobody knows which were within the last ten minutes."""
    first = restarts(pod("web-1", container(restarts=3)))
    later = NOW + timedelta(hours=1)
    second = restarts(pod("web-1", container(restarts=13, ended=later - timedelta(minutes=1))), at=later, after=first)

    assert second.value == 1.0


def test_huge_restart_count_is_bounded() -> None:
    young = pod("web-1", container(restarts=2**31, ended=NOW), created=NOW - timedelta(minutes=1))
    found = restarts(young)
    assert found.value == MOST_RESTARTS

    first = restarts(pod("web-2", container()))
    second = restarts(pod("web-2", container(restarts=2**31)), at=NOW + timedelta(minutes=1), after=first)
    assert second.value == MOST_RESTARTS


def test_lookback_equals_the_counting_window() -> None:
    assert PODS.lookback(restarting("5m")) == timedelta(minutes=5)
    assert PODS.lookback(spec(measure="Restarts")) == timedelta(minutes=10)
    assert PODS.lookback(spec()) == timedelta()
