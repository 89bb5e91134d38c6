"""Dry runs: what the API server answers is a refusal, or says nothing about a throw."""

import pytest

from runbook_operator.controller.dry_runs import DryRuns
from runbook_operator.core.api_refusals import Refusal
from runbook_operator.core.queries import Admission, Denied, DryRun, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Create, Delete, Effect, Patch
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths
from tests.builders import WEB
from tests.fakes.answering_kube import AnsweringKube, ScalingKube

SWITCH = Ref("runbooks.dev/v1alpha1", "Switch", "shop", "shop-stop")
JOB = Ref("batch/v1", "Job", "shop", "it")
EFFECTS: tuple[Effect, ...] = (
    Patch(WEB, "uid", "7", {"spec": {"replicas": 0}}, "scale"),
    Create(JOB, {"metadata": {"name": "it"}}),
    Delete(JOB, "uid"),
)


async def answered(error: errors.ApiError | None, effect: Effect = EFFECTS[0]) -> ReviewResult | Denied:
    return await DryRuns(Paths(AnsweringKube(error))).answer(DryRun(SWITCH, 0, effect), None)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: type(effect).__name__)
async def test_every_write_is_sent_as_a_dry_run(effect: Effect) -> None:
    kube = AnsweringKube()

    assert await DryRuns(Paths(kube)).answer(DryRun(SWITCH, 0, effect), None) == ReviewResult(allowed=True)
    assert [query["dryRun"] for _, query in kube.asked] == ["All"]


async def test_dry_run_of_an_object_with_a_moving_status_has_no_conflict() -> None:
    kube = AnsweringKube()

    await DryRuns(Paths(kube)).answer(DryRun(SWITCH, 0, EFFECTS[0]), None)

    assert kube.sent == [{"spec": {"replicas": 0}, "metadata": {"uid": "uid"}}]


async def test_dry_run_of_a_scale_returns_the_admitted_replicas() -> None:
    kube = ScalingKube()

    assert await DryRuns(Paths(kube)).admitted(Admission(WEB, "uid", 3), None) == 7
    assert [query["dryRun"] for _, query in kube.asked] == ["All"]
    assert kube.sent == [{"spec": {"replicas": 3}, "metadata": {"uid": "uid"}}]


async def test_refused_dry_run_of_a_scale_returns_its_reason_and_an_unavailable_one_is_retried() -> None:
    refused = ScalingKube(errors.RefusedError("PATCH: 422"))

    found = await DryRuns(Paths(refused)).admitted(Admission(WEB, "uid", 3), None)

    assert isinstance(found, Denied)
    with pytest.raises(errors.UnavailableError):
        await DryRuns(Paths(ScalingKube(errors.UnavailableError("503")))).admitted(Admission(WEB, "uid", 3), None)


async def test_dry_run_refusal_has_its_reason_and_advice() -> None:
    full = errors.RefusedError("POST: 403 exceeded quota").because(Refusal(Reason.QUOTA_EXCEEDED, "Free room"))
    down = errors.UnavailableError("POST: 500 webhook").because(Refusal(Reason.WEBHOOK_FAILED, "See to it"))

    assert await answered(full) == Denied(Reason.QUOTA_EXCEEDED, "POST: 403 exceeded quota. Free room")
    assert await answered(down) == Denied(Reason.WEBHOOK_FAILED, "POST: 500 webhook. See to it")


@pytest.mark.parametrize(
    "error",
    [
        errors.UnavailableError("503"),
        errors.ConflictError("409"),
        errors.AlreadyExistsError("409"),
        errors.NotFoundError("404"),
        errors.RefusedError('400 admission webhook "gate.example.com" does not support dry run'),
    ],
    ids=lambda error: str(error)[:30],
)
async def test_other_dry_run_errors_do_not_refuse_a_throw(error: errors.ApiError) -> None:
    assert await answered(error) == ReviewResult(allowed=False)


class Checks:
    """One switch whose writes are checked again and again."""

    def __init__(self, error: errors.ApiError | None = None) -> None:
        self.kube, self.now = AnsweringKube(error), 0.0
        self.dry_runs = DryRuns(Paths(self.kube), monotonic=lambda: self.now)

    async def asked(self, effect: Effect = EFFECTS[0], edition: int = 1, number: int = 0) -> int:
        """How many requests that the API server got for it."""
        before = len(self.kube.asked)
        await self.dry_runs.answer(DryRun(SWITCH, number, effect), None, edition)
        return len(self.kube.asked) - before


async def test_allowed_write_is_checked_again_after_an_hour() -> None:
    checks = Checks()

    found = [await checks.asked()]
    for checks.now in (600.0, 3599.0, 3600.0, 3601.0):
        found.append(await checks.asked())

    assert found == [1, 0, 0, 1, 0]


async def test_write_is_checked_again_for_a_changed_target_runbook_or_switch() -> None:
    checks = Checks()
    await checks.asked()

    assert await checks.asked(Patch(WEB, "uid", "8", {"spec": {"replicas": 0}}, "scale")) == 1
    assert await checks.asked() == 1
    assert await checks.asked(edition=2) == 1
    assert await checks.asked(EFFECTS[1], edition=2, number=1) == 1
    assert await checks.asked(EFFECTS[1], edition=2, number=1) == 0
    checks.dry_runs.forget(SWITCH)
    assert await checks.asked(EFFECTS[1], edition=2, number=1) == 1


async def test_refused_write_is_checked_at_every_close_look() -> None:
    checks = Checks(errors.RefusedError("403 exceeded quota"))

    assert [await checks.asked() for _ in range(3)] == [1, 1, 1]
    checks.kube.error = None
    assert [await checks.asked() for _ in range(3)] == [1, 0, 0]
