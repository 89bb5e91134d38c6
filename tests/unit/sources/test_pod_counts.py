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
def test_the_pods_are_those_that_the_workload_chooses_or_else_the_service(target: TargetRefs, of: Ref) -> None:
    assert PODS.request(spec(), NAMESPACE, target) == AskPods(of)


def test_a_target_without_either_has_no_pods() -> None:
    with pytest.raises(UnreadableSpecError, match="api has no workload and no service; add it") as caught:
        PODS.request(spec(), NAMESPACE, TargetRefs("api"))

    assert caught.value.field == "target"


@pytest.mark.parametrize("within", ["59s", "25h"])
def test_a_time_that_is_too_short_or_too_long_is_told_of_its_field(within: str) -> None:
    with pytest.raises(UnreadableSpecError, match="within is from 1m to 1d") as caught:
        PODS.request(restarting(within), NAMESPACE, TargetRefs("api", workload=WEB))

    assert caught.value.field == "within"


@pytest.mark.parametrize(
    "odd", [{"measure": "Waiting", "within": "1m"}, {"measure": "Restarts", "reasons": ["CrashLoopBackOff"]}]
)
def test_what_belongs_to_the_other_measure_is_refused(odd: Body) -> None:
    with pytest.raises(ValidationError, match="is for measure"):
        spec(**odd)


def test_pods_that_wait_are_counted_and_named_with_the_reason() -> None:
    found = waiting(
        pod("web-1", container(), container("proxy", waits="CrashLoopBackOff")),
        pod("web-2", container(waits="ImagePullBackOff"), container("proxy", waits="CrashLoopBackOff")),
        pod("web-3", container()),
    )

    assert found == Number(2.0, "web-1 (CrashLoopBackOff), web-2 (ImagePullBackOff)")


def test_of_many_a_few_are_named() -> None:
    found = waiting(*(pod(f"web-{number}", container(waits="ErrImagePull")) for number in range(5)))

    assert found.value == 5.0
    assert found.series == "web-0 (ErrImagePull), web-1 (ErrImagePull), web-2 (ErrImagePull) and 2 more"


def test_a_container_that_just_begins_does_not_wait_unless_that_is_what_is_asked_for() -> None:
    pods = (pod("web-1", container(waits="ContainerCreating")), pod("web-2", container(waits="PodInitializing")))

    assert waiting(*pods) == Number(0.0)
    assert waiting(*pods, reasons=["PodInitializing"]) == Number(1.0, "web-2 (PodInitializing)")


def test_only_the_reasons_that_are_asked_for_count() -> None:
    pods = (pod("web-1", container(waits="CrashLoopBackOff")), pod("web-2", container(waits="ErrImagePull")))

    assert waiting(*pods, reasons=["ErrImagePull"]) == Number(1.0, "web-2 (ErrImagePull)")


def test_init_containers_count_as_well() -> None:
    odd = pod("web-1", container())
    odd["status"]["initContainerStatuses"] = [container("init", waits="CrashLoopBackOff", restarts=2)]

    assert waiting(odd).value == 1.0
    assert restarts(odd | {"metadata": odd["metadata"] | {"creationTimestamp": "2026-11-24T02:59:00Z"}}).value == 2.0


def test_no_pods_are_none_that_wait_and_none_that_restart() -> None:
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
def test_a_pod_that_goes_or_is_over_or_has_not_begun_counts_for_nothing(gone: Body) -> None:
    assert waiting(gone).value == 0.0
    assert restarts(gone).value == 0.0


def test_at_the_first_reading_every_restart_of_a_young_pod_counts_and_the_last_one_of_an_old() -> None:
    ended = NOW - timedelta(minutes=2)
    found = restarts(
        pod("young", container(restarts=4, ended=ended), created=NOW - timedelta(minutes=8)),
        pod("old", container(restarts=40, ended=ended)),
        pod("calm", container(restarts=40, ended=NOW - timedelta(minutes=11))),
        pod("unknown", container(restarts=40)),
    )

    assert (found.value, found.series) == (5.0, "young (4), old (1)")


def test_a_young_pod_whose_last_end_is_not_told_has_restarted_since_it_was_made() -> None:
    assert restarts(pod("young", container(restarts=2), created=NOW - timedelta(minutes=8))).value == 2.0


def test_between_readings_each_restart_is_seen_and_counts_for_the_time() -> None:
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


def test_a_restart_whose_end_is_not_told_or_lies_ahead_was_just_now() -> None:
    first = restarts(pod("web-1", container(restarts=1)))
    later = NOW + timedelta(minutes=1)
    for ended in (None, later + timedelta(hours=1)):
        second = restarts(pod("web-1", container(restarts=2, ended=ended)), at=later, after=first)
        assert second.value == 1.0
        last = restarts(pod("web-1", container(restarts=2)), at=later + timedelta(minutes=10), after=second)
        assert last.value == 0.0


def test_the_restarts_of_a_pod_that_was_replaced_are_gone_with_it() -> None:
    first = restarts(pod("web-1", container(restarts=3), created=NOW - timedelta(minutes=5)))
    second = restarts(pod("web-2", container(), created=NOW), at=NOW + timedelta(minutes=1), after=first)

    assert (first.value, second.value) == (3.0, 0.0)


def test_a_pod_of_the_same_name_and_another_uid_is_another() -> None:
    first = restarts(pod("web-0", container(restarts=3), created=NOW - timedelta(minutes=5)))
    again = pod("web-0", container(restarts=1), created=NOW)
    again["metadata"]["uid"] = "other"

    assert restarts(again, at=NOW + timedelta(minutes=1), after=first).value == 1.0


def test_a_count_that_falls_makes_no_restart() -> None:
    first = restarts(pod("web-1", container(restarts=3)))

    assert restarts(pod("web-1", container(restarts=1)), at=NOW + timedelta(minutes=1), after=first).value == 0.0


def test_after_a_silence_that_is_longer_than_the_time_it_begins_anew() -> None:
    """Of ten restarts in an hour without a reading nobody knows which were within the last ten minutes."""
    first = restarts(pod("web-1", container(restarts=3)))
    later = NOW + timedelta(hours=1)
    second = restarts(pod("web-1", container(restarts=13, ended=later - timedelta(minutes=1))), at=later, after=first)

    assert second.value == 1.0


def test_a_count_of_any_size_takes_no_more_memory_than_a_kubelet_would_make_it() -> None:
    young = pod("web-1", container(restarts=2**31, ended=NOW), created=NOW - timedelta(minutes=1))
    found = restarts(young)
    assert found.value == MOST_RESTARTS

    first = restarts(pod("web-2", container()))
    second = restarts(pod("web-2", container(restarts=2**31)), at=NOW + timedelta(minutes=1), after=first)
    assert second.value == MOST_RESTARTS


def test_it_looks_back_as_long_as_it_counts() -> None:
    assert PODS.lookback(restarting("5m")) == timedelta(minutes=5)
    assert PODS.lookback(spec(measure="Restarts")) == timedelta(minutes=10)
    assert PODS.lookback(spec()) == timedelta()
