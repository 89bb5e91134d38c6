"""In whose name a switch acts, what it says where it may not, and what stays as it was thrown."""

from typing import Any

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import Record
from runbook_operator.automation.desired_state import begins_automatically
from runbook_operator.cache.snapshot_builder import reader
from runbook_operator.core.installation import Installation
from runbook_operator.core.queries import AccessReview, Denied, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.acting_identity import UNNAMED_ANSWER
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.engine import next_step
from tests.builders import ACCOUNT, NAMESPACE, Simulation, condition, kill_switch, scale

REQUIRED = Policy(requires_account=True)
PATCH = AccessReview("patch", "apps", "deployments/scale", NAMESPACE, "web")
RUNBOOK = Ref("runbooks.dev/v1alpha1", "Runbook", NAMESPACE, "shop")


def named(name: str | None = "deployer", policy: Policy | None = None, **spec: Any) -> Simulation:
    account = {"serviceAccountName": name} if name else {}
    made = Simulation(policy=policy or Policy()).with_target(3).with_runbook(**account, **spec)
    return made.drive()


def said(simulation: Simulation, kind: str = "Ready") -> tuple[str, str, str]:
    return condition(simulation.status(), kind)


def record(simulation: Simulation) -> Record:
    found = simulation.status().record
    assert found is not None
    return found


def accounts(simulation: Simulation) -> list[str]:
    """In whose names targets were written."""
    acts = (step for step in simulation.steps if isinstance(step, WriteTarget))
    return [act.account.name if act.account else "" for act in acts]


def test_switch_acts_and_restores_as_the_account() -> None:
    simulation = named().throw().drive().release().drive()

    assert simulation.replicas == 3
    assert accounts(simulation) == ["deployer", "deployer"]


def test_switch_without_account_acts_with_the_operators_rights() -> None:
    assert accounts(named(None).throw().drive()) == [""]


def test_engaged_switch_keeps_the_account_of_its_throw() -> None:
    simulation = named().throw().drive()

    simulation.with_runbook(serviceAccountName="another").drive()

    assert record(simulation).service_account_name == "deployer"
    assert said(simulation, "Outdated")[:2] == ("True", Reason.ACTIONS_CHANGED)
    assert "restores its fields as ServiceAccount shop/deployer" in said(simulation, "Outdated")[2]
    simulation.someone_sets(2).drive().release().drive()
    assert set(accounts(simulation)) == {"deployer"}
    assert simulation.throw().drive().status().record
    assert record(simulation).service_account_name == "another"


def test_account_added_later_does_not_release_an_earlier_throw() -> None:
    simulation = named(None).throw().drive().with_runbook(serviceAccountName="deployer").drive()

    assert "restores its fields with the operator's own rights" in said(simulation, "Outdated")[2]
    assert accounts(simulation.release().drive()) == ["", ""]


def test_edit_never_acts_as_a_removed_account() -> None:
    entry = {"reapplyOnChange": True}
    simulation = named(killSwitches=[kill_switch("stop", scale(replicas=0), **entry)]).throw().drive()

    other = [kill_switch("stop", scale(replicas=1), **entry)]
    simulation.with_runbook(serviceAccountName="another", killSwitches=other).drive()

    assert simulation.replicas == 0
    simulation.with_runbook(serviceAccountName="deployer", killSwitches=other).drive()
    assert simulation.replicas == 1


def test_missing_right_is_reported_with_the_grant_commands() -> None:
    simulation = Simulation(lacking={PATCH}).with_target(3).with_runbook(serviceAccountName="deployer").drive()

    status, reason, message = said(simulation)
    assert (status, reason) == ("False", Reason.FORBIDDEN)
    assert message.startswith("ServiceAccount shop/deployer may not patch deployments/scale (apps), for action scale.")
    assert "--verb=get,patch --resource=deployments.apps/scale" in message
    assert "--serviceaccount=shop:deployer" in message


def test_missing_right_of_the_operator_names_chart_value_and_commands() -> None:
    simulation = Simulation(lacking={PATCH}).with_target(3).with_runbook().drive()

    assert "With the chart, add scale to rights.actions; or grant it: kubectl create role" in said(simulation)[2]


def test_scoped_operator_names_only_the_commands_of_its_namespace() -> None:
    policy = Policy(installation=Installation(actions=("scale",), namespaces=(NAMESPACE,)))
    simulation = Simulation(lacking={PATCH}, policy=policy).with_target(3).with_runbook().drive()

    message = said(simulation)[2]
    assert "for action scale. Grant it: kubectl create role " in message
    assert "rights." not in message
    assert "clusterrole" not in message


def test_many_missing_rights_name_a_few_and_grant_all() -> None:
    verbs = ("get", "list", "patch")
    lacking: set[Query] = {AccessReview(verb, "autoscaling", "horizontalpodautoscalers", NAMESPACE) for verb in verbs}
    lacking |= {AccessReview("get", group, one, NAMESPACE) for group, one in [("keda.sh", "scaledobjects")]}
    lacking |= {PATCH, AccessReview("get", "policy", "poddisruptionbudgets", NAMESPACE)}
    simulation = Simulation(lacking=lacking).with_target(3).with_runbook(serviceAccountName="deployer").drive()

    message = said(simulation)[2]
    assert "and 1 more" in message
    assert all(one in message for one in ("horizontalpodautoscalers.autoscaling", "scaledobjects.keda.sh"))


def test_switch_is_thrown_despite_a_reported_missing_right() -> None:
    simulation = Simulation(lacking={PATCH}).with_target(3).with_runbook(serviceAccountName="deployer").drive()

    simulation.throw().drive()

    assert simulation.replicas == 0


def test_rights_are_reviewed_only_in_close_looks_and_the_result_stays() -> None:
    simulation = Simulation(lacking={PATCH}).with_target(3).with_runbook(serviceAccountName="deployer").drive()

    idle = next_step(simulation.snapshot(thorough=False))

    assert idle is None
    assert said(simulation)[1] == Reason.FORBIDDEN
    simulation.lacking.clear()
    assert said(simulation.drive())[0] == "True"


def test_denied_access_review_is_reported() -> None:
    class Denying(Simulation):
        def answer(self, query: Query) -> Any:
            return (
                Denied(Reason.FORBIDDEN, "cannot impersonate")
                if isinstance(query, AccessReview)
                else super().answer(query)
            )

    simulation = Denying().with_target(3).with_runbook(serviceAccountName="deployer").drive()

    assert said(simulation) == ("False", Reason.FORBIDDEN, "cannot impersonate")


def test_required_account_missing_blocks_the_throw_and_is_reported() -> None:
    simulation = named(None, REQUIRED)
    assert said(simulation)[:2] == ("False", Reason.NO_ACCOUNT)

    simulation.throw().drive()

    assert (simulation.replicas, simulation.status().record) == (3, None)
    assert said(simulation, "Engaged")[:2] == ("False", Reason.NO_ACCOUNT)
    assert [one.reason for one in simulation.said] == [Reason.NO_ACCOUNT, Reason.NO_ACCOUNT]


def test_required_account_missing_blocks_automatic_engagement() -> None:
    simulation = named(None, REQUIRED).monitor_state("Engage").drive()

    assert simulation.status().record is None
    assert not begins_automatically(simulation.snapshot())


def test_required_account_missing_restores_an_earlier_throw_without_holding() -> None:
    simulation = named(None).throw().drive()
    simulation.policy = REQUIRED
    simulation.drive()
    assert said(simulation)[:2] == ("False", Reason.NO_ACCOUNT)

    simulation.someone_sets(2).drive()
    assert simulation.replicas == 2
    simulation.someone_sets(0).drive().release().drive()

    assert simulation.replicas == 3
    assert accounts(simulation) == ["", ""]


def test_required_account_present_changes_no_behavior() -> None:
    assert named(policy=REQUIRED).throw().drive().replicas == 0


def test_reading_account_follows_the_acting_account() -> None:
    simulation = named()
    stop = simulation.switch().meta.ref

    def who(key: Ref, *, required: bool = False) -> Any:
        return reader(simulation.store, key, required=required)

    assert (who(stop), who(RUNBOOK)) == (ACCOUNT, ACCOUNT)
    simulation.throw().drive().with_runbook()
    assert (who(stop), who(RUNBOOK)) == (ACCOUNT, None)
    assert (who(stop, required=True), who(RUNBOOK, required=True)) == (ACCOUNT, UNNAMED_ANSWER)
    assert who(Ref("v1", "ConfigMap", NAMESPACE, "none")) is None


def test_throw_without_account_keeps_its_reader_until_restored() -> None:
    simulation = named(None).throw().drive()
    stop = simulation.switch().meta.ref

    assert reader(simulation.store, stop, required=True) is None
    simulation.release().drive()
    assert reader(simulation.store, stop, required=True) == UNNAMED_ANSWER


def test_accounts_that_hold_a_kind_are_listed() -> None:
    simulation = named().throw().drive()
    switch: SwitchObject = simulation.switch()

    assert switch.status.record is not None
    assert simulation.store.accounts(("apps/v1", "Deployment", NAMESPACE)) == (ACCOUNT,)
    assert simulation.store.accounts(("v1", "ConfigMap", NAMESPACE)) == ()
