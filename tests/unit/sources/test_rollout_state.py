"""How a rollout goes, as a number."""

from typing import Any

import pytest

from runbook_operator.core.monitors import AskObject
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import REGISTRY
from runbook_operator.sources.source_base import Found, NoNumberError, Number, UnreadableSpecError
from tests.builders import NAMESPACE, NOW, WEB

ROLLOUT = REGISTRY["rollout"]
DAEMON_SET = Ref("apps/v1", "DaemonSet", NAMESPACE, "agent")
STATEFUL_SET = Ref("apps/v1", "StatefulSet", NAMESPACE, "db")
CRON_JOB = Ref("batch/v1", "CronJob", NAMESPACE, "nightly")
LATE = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]


def spec(measure: str = "Overdue") -> Any:
    return ROLLOUT.Spec.model_validate({"target": "api", "measure": measure})


def number(measure: str, status: dict[str, Any], ref: Ref = WEB, generation: int = 1) -> Number:
    body = {
        "metadata": {"generation": generation},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 1} | status,
    }
    return ROLLOUT.number(spec(measure), Found(ObservedObject(ref, "uid", "1", body, whole=True), NOW))


@pytest.mark.parametrize(("ref", "measure"), [(WEB, "Overdue"), (WEB, "Unavailable"), (DAEMON_SET, "Unavailable")])
def test_workload_of_the_target_is_read(ref: Ref, measure: str) -> None:
    assert ROLLOUT.request(spec(measure), NAMESPACE, TargetRefs("api", workload=ref)) == AskObject(ref)


@pytest.mark.parametrize(
    ("target", "measure", "field", "said"),
    [
        (TargetRefs("api"), "Overdue", "target", "api has no workload; add it in spec.targets"),
        (TargetRefs("api", CRON_JOB), "Unavailable", "target", "CronJob/nightly has no rollout"),
        (
            TargetRefs("api", STATEFUL_SET),
            "Overdue",
            "measure",
            "StatefulSet/db has no progressDeadlineSeconds",
        ),
    ],
)
def test_target_without_that_number_is_refused_with_its_field(
    target: TargetRefs, measure: str, field: str, said: str
) -> None:
    with pytest.raises(UnreadableSpecError, match=said) as caught:
        ROLLOUT.request(spec(measure), NAMESPACE, target)

    assert caught.value.field == field


def test_overdue_rollout_is_one_and_any_other_zero() -> None:
    pods = {"updatedReplicas": 1, "availableReplicas": 3, "replicas": 4}

    assert number("Overdue", pods) == Number(0.0, "Deployment/web, 1 of 3 updated")
    assert number("Overdue", pods | {"conditions": LATE}) == Number(
        1.0, "Deployment/web, 1 of 3 updated; spec.progressDeadlineSeconds is exceeded"
    )


@pytest.mark.parametrize(("available", "expected"), [(0, 3.0), (1, 2.0), (3, 0.0), (4, 0.0)])
def test_unavailable_counts_missing_replicas(available: int, expected: float) -> None:
    pods = {"updatedReplicas": 3, "availableReplicas": available, "replicas": max(3, available)}

    assert number("Unavailable", pods).value == expected


def test_complete_rollout_has_only_its_name() -> None:
    pods = dict.fromkeys(("updatedReplicas", "availableReplicas", "replicas"), 3)

    assert number("Unavailable", pods) == Number(0.0, "Deployment/web")


def test_daemon_set_expects_one_pod_per_node() -> None:
    status = {"desiredNumberScheduled": 5, "updatedNumberScheduled": 5, "numberAvailable": 4}

    assert number("Unavailable", status, DAEMON_SET).value == 1.0


def test_unobserved_change_gives_no_number() -> None:
    with pytest.raises(NoNumberError, match="Deployment/web has not processed its last change") as caught:
        number("Unavailable", {"availableReplicas": 3}, generation=2)

    assert caught.value.reason == "NotObserved"
