"""Actions and probes that the administrator has not allowed."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.core.installation import Installation
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.queries import AccessReview, HasAccount, Query, ReviewResult
from runbook_operator.core.reasons import Reason
from runbook_operator.permissions import enabled_actions
from runbook_operator.reconcile.snapshot import Policy, RunbookSnapshot
from runbook_operator.reconcile.steps import WriteStatus, WriteTarget
from runbook_operator.runbooks.runbook_reconcile import next_step
from tests.builders import (
    ACCOUNT,
    NOW,
    WEB,
    Simulation,
    condition,
    kill_switch,
    observed,
    runbook,
    scale,
    switch,
    unseen,
)
from tests.probing import Story, container, endpoint, get, service, workload

NOTIFY = {"notify": {"contact": "oncall", "message": "stopped"}}
CONTACTS = [{"name": "oncall", "role": "Primary on call"}]


def only(*actions: str, probes: bool = True) -> Policy:
    return Policy(installation=Installation(actions=actions, probes=probes, release="ops", release_namespace="infra"))


def simulation(*actions: str, **spec: Any) -> Simulation:
    return Simulation(policy=only(*actions)).with_target(3).with_runbook(**spec).drive()


def ready(simulation: Simulation) -> tuple[str, str, str]:
    return condition(simulation.status(), "Ready")


def test_idle_switch_with_a_forbidden_action_is_not_ready() -> None:
    status, reason, message = ready(simulation("notify"))

    assert (status, reason) == ("False", Reason.ACTION_NOT_ALLOWED)
    assert message.endswith("--set 'rights.actions={notify,scale}'")


def test_switch_with_allowed_actions_is_ready_and_acts() -> None:
    assert ready(simulation("scale"))[0] == "True"
    assert simulation("scale").throw().drive().replicas == 0


def test_thrown_forbidden_action_is_not_done_and_stalls() -> None:
    thrown = simulation("notify").throw().drive()

    assert thrown.replicas == 3
    assert not [step for step in thrown.steps if isinstance(step, WriteTarget)]
    assert condition(thrown.status(), "Stalled")[:2] == ("True", Reason.ACTION_NOT_ALLOWED)


def test_forbidden_action_is_done_once_allowed_after_a_restart() -> None:
    thrown = simulation("notify").throw().drive()

    assert thrown.with_policy(only("scale")).after(seconds=11).drive().replicas == 0


def test_release_after_a_refused_throw_changes_no_target() -> None:
    released = simulation("notify").throw().drive().release().drive()

    assert released.replicas == 3
    assert released.status().record is None
    assert ready(released)[1] == Reason.ACTION_NOT_ALLOWED


def test_engaged_action_no_longer_allowed_stays_held_and_is_restored() -> None:
    engaged = simulation("scale").throw().drive().with_policy(only("notify")).drive()

    assert engaged.someone_sets(2).drive().replicas == 0
    assert engaged.release().drive().replicas == 3
    assert ready(engaged)[1] == Reason.ACTION_NOT_ALLOWED


def test_allowed_action_before_a_forbidden_one_is_done() -> None:
    both = [kill_switch("stop", scale(replicas=0), NOTIFY)]
    thrown = simulation("scale", killSwitches=both, contacts=CONTACTS).throw().drive()

    assert thrown.replicas == 0
    assert condition(thrown.status(), "Stalled")[:2] == ("True", Reason.ACTION_NOT_ALLOWED)


def test_service_account_is_limited_by_its_rights_and_not_by_the_list() -> None:
    named = simulation("notify", serviceAccountName="deployer")

    assert ready(named)[0] == "True"
    assert named.throw().drive().replicas == 0


def world_of(policy: Policy, **spec: Any) -> RunbookSnapshot:
    declared = runbook(**spec)
    switches = {f"shop-{entry}": switch(entry) for entry in declared.spec.switches()} if declared.spec else {}
    return RunbookSnapshot(declared, switches, unseen(declared) | {WEB: observed()}, NOW, policy=policy)


def of_runbook(policy: Policy, **spec: Any) -> tuple[Reason, str] | None:
    return enabled_actions.of_runbook(world_of(policy, **spec))


def test_runbook_with_a_forbidden_action_is_not_ready() -> None:
    step = next_step(world_of(only("notify")))

    assert isinstance(step, WriteStatus)
    ready = next(one for one in step.status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("False", Reason.ACTION_NOT_ALLOWED)


def test_runbook_names_the_switch_with_the_forbidden_action() -> None:
    found = of_runbook(only("notify"))

    assert found is not None
    assert found[0] is Reason.ACTION_NOT_ALLOWED
    assert found[1].startswith("switch stop: action scale is not allowed")
    assert of_runbook(only("scale")) is None
    assert of_runbook(only("notify"), serviceAccountName="deployer") is None
    assert of_runbook(only("notify"), targets="none") is None


def probed(*, enforce: bool = True, **spec: Any) -> Story:
    story = Story(policy=only("scale", probes=False)).has(workload(container(readinessProbe=get())), service())
    return story.declares(endpoint(enforce=enforce, path="/other"), **spec).look()


def test_forbidden_probe_is_not_set() -> None:
    story = probed()

    assert (story.live, story.told.reason) == (get(), Reason.ACTION_NOT_ALLOWED)
    assert enabled_actions.of_probes(story.snapshot()) == (
        Reason.ACTION_NOT_ALLOWED,
        Installation(probes=False, release="ops", release_namespace="infra").probes_refusal("ready"),
    )


def test_probe_without_enforce_or_with_an_account_is_allowed() -> None:
    assert enabled_actions.of_probes(probed(enforce=False).snapshot()) is None
    assert enabled_actions.of_probes(probed(serviceAccountName="deployer").snapshot()) is None


def test_probe_no_longer_allowed_is_restored() -> None:
    story = Story().has(workload(container(readinessProbe=get())), service())
    story.declares(endpoint(enforce=True, path="/other")).look().roll_out()
    story.policy = only("scale", probes=False)

    story.declares(endpoint(enforce=False, path="/other")).look()

    assert story.live == get()


def hidden(*actions: str, **spec: Any) -> RunbookSnapshot:
    """The Runbook of which the operator may not read the workload."""
    it = runbook(**spec)
    missing = Missing(WEB, Reason.FORBIDDEN, "ops may not get deployments (apps). Grant it: kubectl create role")
    answers: dict[Query, ReviewResult] = {HasAccount(ACCOUNT): ReviewResult(allowed=True)}
    return RunbookSnapshot(it, {}, unseen(it) | {WEB: missing}, NOW, answers, policy=only(*actions))


def told(snapshot: RunbookSnapshot) -> RunbookStatus:
    step = next(step for step in [next_step(replace(snapshot, switches={"shop-stop": switch()}))] if step)
    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, RunbookStatus)
    return step.status


def test_unreadable_target_of_a_forbidden_action_names_the_chart_value() -> None:
    (target,) = told(hidden("notify")).targets

    assert (target.found, target.reason) == (False, "ActionNotAllowed")
    assert target.message.endswith("--reuse-values --set 'rights.actions={notify,scale}'")


@pytest.mark.parametrize("spec", [{}, {"serviceAccountName": "deployer"}])
def test_unreadable_target_of_an_allowed_action_names_the_grant(spec: dict[str, str]) -> None:
    (target,) = told(hidden("notify" if spec else "scale", **spec)).targets

    assert (target.reason, target.message[-5:]) == ("MissingRights", " role")


def test_missing_right_of_an_allowed_action_names_the_helm_upgrade() -> None:
    simulation = Simulation(policy=only("scale")).with_target(3).with_runbook()
    simulation.lacking = {AccessReview("patch", "apps", "deployments/scale", "shop", "web")}

    message = ready(simulation.drive())[2]

    assert (
        "may not patch deployments/scale (apps), for action scale. The chart's RoleBinding there is missing" in message
    )
    assert (
        "To create it: helm upgrade ops CHART --namespace infra --reuse-values; or grant the right alone: k" in message
    )


def test_missing_right_without_helm_release_names_the_grant() -> None:
    policy = Policy(installation=Installation(actions=("scale",)))
    simulation = Simulation(policy=policy).with_target(3).with_runbook()
    simulation.lacking = {AccessReview("patch", "apps", "deployments/scale", "shop", "web")}

    assert "for action scale. Grant it: kubectl create" in ready(simulation.drive())[2]
