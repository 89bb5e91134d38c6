"""A deep check has the API server check the writes of the next throw, and Ready says what it refuses."""

from typing import Any

import pytest

from runbook_operator.core.queries import Denied, DryRun, NeedsRead, Query, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.core.writes import Create, Patch
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.switches import throw_dry_run
from runbook_operator.switches.engine import next_step
from tests.builders import Body, Simulation, condition, kill_switch, scale

FULL = Denied(Reason.QUOTA_EXCEEDED, "exceeded quota: jobs. Free room in the quota")
JOB: Body = {"runJob": {"job": {"template": {"spec": {"containers": [{"name": "app", "image": "app"}]}}}}}


class Checking(Simulation):
    """Notes the dry runs that are asked for."""

    def answer(self, query: Query) -> Any:
        if isinstance(query, DryRun):
            self.checked.append(query)
        return super().answer(query)

    @property
    def checked(self) -> list[DryRun]:
        found: list[DryRun] = self.__dict__.setdefault("_checked", [])
        return found


def idle(*actions: Body, trial: ReviewResult | Denied | None = None, **spec: Any) -> Checking:
    simulation = Checking()
    simulation.trial = trial or ReviewResult(allowed=True)
    simulation.with_runbook(killSwitches=[kill_switch("stop", *actions)], **spec).with_target(3).drive()
    return simulation


@pytest.mark.parametrize("action", [JOB, scale(replicas=0)])
def test_refused_dry_run_makes_an_idle_switch_unready_with_its_reason(action: Body) -> None:
    simulation = idle(action, trial=FULL)

    assert condition(simulation.status(), "Ready") == ("False", "QuotaExceeded", FULL.message)
    assert len({one.number for one in simulation.checked}) == 1
    assert simulation.replicas == 3


def test_only_missing_first_writes_are_dry_run() -> None:
    several = idle(JOB, scale(replicas=0))
    done = idle(scale(replicas=3))

    assert {one.number: type(one.effect) for one in several.checked} == {0: Create, 1: Patch}
    assert done.checked == []


def test_dry_runs_per_visit_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throw_dry_run, "MOST", 2)

    assert {one.number for one in idle(JOB, JOB, JOB).checked} == {0, 1}


def test_dry_run_refusal_stays_until_a_close_look_clears_it() -> None:
    simulation = idle(JOB, trial=FULL)
    before = simulation.status()

    step = next_step(simulation.snapshot(thorough=False))
    assert step is None

    simulation.trial = ReviewResult(allowed=False)
    assert simulation.drive().status() == before
    simulation.trial = ReviewResult(allowed=True)
    assert condition(simulation.drive().status(), "Ready")[0] == "True"


def test_unknown_dry_run_answer_leaves_an_idle_switch_ready() -> None:
    assert condition(idle(JOB, trial=ReviewResult(allowed=False)).status(), "Ready")[0] == "True"


def test_throw_sends_no_dry_run() -> None:
    simulation = idle(scale(replicas=0), JOB)
    known = len(simulation.checked)

    simulation.throw().drive()

    assert simulation.status().phase != "Released"
    assert len(simulation.checked) == known


@pytest.mark.parametrize("spec", [{"mode": "Observe"}, {}])
def test_switch_that_may_not_act_sends_no_dry_run(spec: Body) -> None:
    simulation = Checking().with_policy(Policy(requires_account=not spec))
    assert isinstance(simulation, Checking)
    simulation.with_runbook(killSwitches=[kill_switch("stop")], **spec).with_target(3).drive()

    assert simulation.checked == []


def test_dry_run_is_not_urgent_and_shows_no_manifest() -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("stop", JOB)])
    answers: dict[Query, Any] = {}
    while True:
        with pytest.raises(NeedsRead) as raised:
            next_step(simulation.snapshot(answers=answers))
        if any(isinstance(one, DryRun) for one in raised.value.queries):
            break
        answers |= {one: simulation.answer(one) for one in raised.value.queries}

    assert not raised.value.urgent
    assert "containers" not in str(raised.value)
