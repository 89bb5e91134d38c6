"""Deletions that meet a target, a Runbook or a record that is not there: the finalizer goes within one visit.

The fake API server of test_faults.
"""

from runbook_operator.model.refs import API_VERSION, Ref
from tests.builders import NAMESPACE
from tests.component.test_faults import SWITCH
from tests.component.test_prepared import Rest

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")


def finalizers(rest: Rest) -> list[str]:
    return list(rest.kube.objects[SWITCH]["metadata"].get("finalizers", []))


def forget_runbook(rest: Rest) -> None:
    rest.store.drop(RUNBOOK, "rb-1")


def forget_target(rest: Rest) -> None:
    rest.kube.delete_deployment()
    rest.store.drop(Ref("apps/v1", "Deployment", NAMESPACE, "web"), "web-1")


async def restarted() -> Rest:
    """Prepared, thrown and deleted while no operator ran; one has begun to lead since."""
    rest = await Rest.made()
    rest.rig.reconciler.writer.lead()
    rest.say(engaged=True)
    rest.delete()
    return rest


async def test_deleted_switch_without_record_target_and_runbook_loses_its_finalizer_in_one_visit() -> None:
    rest = await restarted()
    forget_runbook(rest)
    forget_target(rest)

    await rest.visit()

    assert finalizers(rest) == []
    assert len(rest.asked) < 10


async def test_deleted_switch_without_record_and_runbook_leaves_an_untouched_target_alone() -> None:
    rest = await restarted()
    forget_runbook(rest)

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)


async def test_deleted_switch_without_record_and_runbook_restores_what_the_last_leader_wrote() -> None:
    rest = await Rest.made()
    rest.say(engaged=True)
    await rest.cut_off()
    rest.delete()
    forget_runbook(rest)

    await rest.visit()

    assert (finalizers(rest), rest.kube.replicas) == ([], 3)
