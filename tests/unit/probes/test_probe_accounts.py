"""In whose name containers' own probes are set and put back, and what a Runbook says of rights that are missing."""

from dataclasses import replace
from typing import Any

from runbook_operator.api.conditions import Condition, Finding, condition, find
from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core.queries import AccessReview, NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.acting_identity import UNNAMED_ANSWER, reader
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.runbooks.runbook_reconcile import next_step
from tests.builders import ACCOUNT, NAMESPACE, kill_switch, switch
from tests.probing import Story, container, endpoint, get, service, workload

REQUIRED = Policy(requires_account=True)
PATCH = AccessReview("patch", "apps", "deployments", NAMESPACE, "web")
SET = get("/health/ready")


def enforced(account: str | None = "deployer", policy: Policy | None = None, **probe: Any) -> Story:
    """A Runbook that sets a readiness probe in the name of the account."""
    story = Story(policy=policy or Policy()).has(workload(container(readinessProbe=get())), service())
    return declares(story, account, **probe).look()


def declares(story: Story, account: str | None, *, enforce: bool = True, **probe: Any) -> Story:
    named: dict[str, Any] = {"serviceAccountName": account} if account else {}
    return story.declares(endpoint(enforce=enforce, **probe), **named)


def accounts(story: Story) -> list[str]:
    return [one.account.name if one.account else "" for one in story.adjusted]


def ready(story: Story, *, thorough: bool = True) -> Condition | None:
    """What the Runbook's status is to say, None where that is what it says already."""
    answers: dict[Query, Any] = {}
    for _ in range(10):
        try:
            step = next_step(story.snapshot(answers, thorough=thorough))
        except NeedsRead as needed:
            answers |= {query: story._answer(query) for query in needed.queries}
            continue
        if not isinstance(step, WriteStatus):
            return None
        assert isinstance(step.status, RunbookStatus)
        story._carry_out(step)
        return find(step.status.conditions, "Ready")
    raise AssertionError("the same is asked again and again")


def test_probe_is_set_and_restored_as_the_account() -> None:
    story = enforced()
    assert (story.live["httpGet"]["path"], story.told.service_account_name) == ("/health/ready", "deployer")

    declares(story.roll_out(), "deployer", enforce=False).look()

    assert story.live == get()
    assert story.told.service_account_name is None
    assert accounts(story) == ["deployer", "deployer"]


def test_changed_probe_is_set_as_the_current_account() -> None:
    story = enforced().roll_out()

    declares(story, "another", path="/other").look()

    assert story.told.service_account_name == "another"
    assert accounts(story) == ["deployer", "another"]


def test_unchanged_probe_is_restored_as_the_account_that_set_it() -> None:
    story = declares(enforced().roll_out(), "another").look()
    assert story.told.service_account_name == "deployer"

    declares(story.roll_out(), "another", enforce=False).look()

    assert accounts(story) == ["deployer", "deployer"]
    assert story.live == get()


def test_runbook_reads_as_its_current_account_and_at_deletion_as_the_setting_one() -> None:
    story = declares(enforced(), "another").look()
    assert reader(None, story.runbook, required=True) == replace(ACCOUNT, name="another")

    assert reader(None, story.deletes().runbook, required=True) == ACCOUNT
    assert reader(None, None, required=False) is None


def test_required_account_missing_sets_no_probe_and_restores_earlier_ones() -> None:
    story = enforced(None, REQUIRED)
    assert (story.live, story.told.reason) == (get(), Reason.NO_ACCOUNT)
    assert reader(None, story.runbook, required=True) == UNNAMED_ANSWER

    story = enforced(None).roll_out()
    story.policy = REQUIRED
    assert reader(None, story.runbook, required=True) is None
    declares(story, None, enforce=False).look()

    assert story.live == get()
    assert accounts(story) == ["", ""]


def test_missing_required_account_is_reported_first() -> None:
    told = ready(enforced(None, REQUIRED))

    assert told is not None
    assert (told.status, told.reason) == ("False", Reason.NO_ACCOUNT)


def test_missing_right_to_set_a_probe_is_reported_on_the_runbook() -> None:
    story = enforced(enforce=True)
    story.lacking = {PATCH}

    told = ready(story)

    assert told is not None
    assert (told.status, told.reason) == ("False", Reason.FORBIDDEN)
    assert "may not patch deployments (apps), for health endpoint ready. Grant it: kubectl" in told.message
    assert ready(story, thorough=False) is None
    story.lacking.clear()
    again = ready(story)
    assert again is not None
    assert again.status == "True"


def test_forbidden_probe_setting_names_the_chart_value() -> None:
    story = enforced(None)
    story.lacking = {PATCH}

    told = ready(story)

    assert told is not None
    assert "With the chart, set rights.probes=true; or grant it: kubectl create role" in told.message


def test_missing_right_of_a_switch_is_reported_on_its_runbook() -> None:
    story = Story().has(workload(container()), service()).declares(killSwitches=[kill_switch()])
    lacks = Finding(False, Reason.FORBIDDEN, "the operator may not patch it")
    status = SwitchStatus(conditions=[condition([], "Ready", lacks, 1, story.now)])
    story.switches["shop-stop"] = replace(switch("stop"), status=status)

    told = ready(story)

    assert told is not None
    assert told.message == "switch stop: the operator may not patch it"
