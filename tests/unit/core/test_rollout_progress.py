"""How far a rollout is, by what the workload's status tells and as far as its update strategy lets it get."""

from typing import Any

import pytest

from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.references import Ref
from runbook_operator.core.rollout_progress import is_rolling_out, may_stand_still, rolling_out
from tests.builders import WEB
from tests.revisions import ARGO, DS, STS, workload

PARTITION = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}


def observed(ref: Ref, updated: int, available: int, total: int = 3, *, whole: bool = False, **spec: Any) -> Any:
    if ref == DS:
        counts = {"desiredNumberScheduled": total, "updatedNumberScheduled": updated, "numberAvailable": available}
    else:
        counts = {"replicas": total, "updatedReplicas": updated, "availableReplicas": available}
    return observed_from(workload(1, ref=ref, status=counts, **spec), whole=whole or ref in (DS, ARGO))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("ref", "spec", "updated", "available", "rolling", "complete", "text"),
    [
        (STS, {}, 3, 3, False, True, ""),
        (STS, {}, 1, 3, True, False, "1 of 3 updated"),
        (STS, PARTITION, 1, 3, False, True, ""),
        (STS, PARTITION, 3, 3, False, True, ""),
        (STS, PARTITION, 0, 3, True, False, "0 of 3 updated"),
        (STS, PARTITION, 1, 2, False, False, "1 of 3 updated, 2 available"),
        (STS, {"replicas": 1, **PARTITION}, 0, 1, False, True, ""),
        (STS, ON_DELETE, 0, 3, False, True, ""),
        (STS, ON_DELETE, 1, 2, False, False, "1 of 3 updated, 2 available"),
        (DS, ON_DELETE, 0, 3, False, True, ""),
        (DS, {}, 2, 3, True, False, "2 of 3 updated"),
        (WEB, {}, 2, 3, True, False, "2 of 3 updated"),
    ],
)
def test_rollout_completes_when_its_strategy_allows_no_further_progress(  # noqa: PLR0913 # one table
    *, ref: Ref, spec: Any, updated: int, available: int, rolling: bool, complete: bool, text: str, whole: bool
) -> None:
    workload_seen = observed(ref, updated, available, spec.get("replicas", 3), whole=whole, **spec)
    far = rolling_out(workload_seen)

    assert (is_rolling_out(workload_seen), far.complete, str(far)) == (rolling, complete, text)


@pytest.mark.parametrize(
    ("updated", "available", "total", "working"),
    [(2, 2, 2, 2), (1, 2, 3, 0), (1, 3, 3, 1), (0, 2, 2, 0), (2, 0, 2, 0), (0, 0, 0, 0)],
)
def test_possibly_old_pods_do_not_count_as_working(updated: int, available: int, total: int, working: int) -> None:
    assert rolling_out(observed(WEB, updated, available, total)).working == working


@pytest.mark.parametrize("whole", [True, False])
def test_overdue_rollout_is_known_from_a_watched_object(*, whole: bool) -> None:
    body = workload(1, status={"replicas": 3, "conditions": [{"reason": "ProgressDeadlineExceeded"}]})

    assert rolling_out(observed_from(body, whole=whole)).overdue
    assert not is_rolling_out(observed_from(body, whole=whole))


@pytest.mark.parametrize(
    ("ref", "replicas", "spec", "stands_still"),
    [
        (WEB, 3, {}, False),
        (WEB, 1, {}, False),
        (WEB, 3, {"strategy": {"type": "Recreate"}}, True),
        (WEB, 2, {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}}, True),
        (WEB, 2, {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}}, False),
        (STS, 1, {}, True),
        (STS, 2, {}, False),
        (DS, 1, {}, True),
        (ARGO, 1, {}, False),
    ],
)
def test_recreate_strategy_may_stand_still(ref: Ref, replicas: int, spec: Any, *, stands_still: bool) -> None:
    assert may_stand_still(observed(ref, 0, 0, replicas, replicas=replicas, **spec)) is stands_still
