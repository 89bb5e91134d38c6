"""The writes of Incidents: creation, removal of an acknowledgement, deletion, over an API server in memory."""

from typing import Any

import pytest

from runbook_operator.api.incident import Cause, IncidentSpec
from runbook_operator.core.references import Meta, Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import ClearAcknowledgement, CreateIncident, DeleteIncident, OwnStep, write_key
from tests.fakes.rig import RUNBOOK, Rig
from tests.incident_bodies import INCIDENT, INCIDENTS, PATH, incident_body

SPEC = IncidentSpec(
    runbook="shop", title="error-rate is Critical", severity="SEV1", cause=Cause(source="Metric", name="error-rate")
)


def failing(error: errors.ApiError) -> Any:
    def fault(_method: str, path: str) -> None:
        if path == INCIDENTS:
            raise error

    return fault


def rig_with(body: dict[str, Any]) -> Rig:
    rig = Rig()
    rig.kube.objects[PATH] = body
    rig.store.put(body)
    return rig


async def carried_out(rig: Rig, ref: Ref, step: OwnStep) -> None:
    await rig.reconciler.executor.own_objects.own_object(ref, step)


def meta_of_incident(rig: Rig) -> Meta:
    return rig.store.incidents.objects[INCIDENT].meta


def creation(rig: Rig) -> CreateIncident:
    return CreateIncident(rig.store.runbooks[RUNBOOK].meta, "shop-2", SPEC)


async def test_created_incident_has_the_label_of_its_runbook_no_owner_and_only_the_fields_that_are_set() -> None:
    rig = rig_with(incident_body())

    await carried_out(rig, RUNBOOK, creation(rig))

    made = rig.kube.objects[f"{INCIDENTS}/shop-2"]
    assert made["metadata"]["labels"] == {"runbooks.dev/runbook": "shop"}
    assert "ownerReferences" not in made["metadata"]
    assert made["spec"] == {
        "runbook": "shop",
        "title": "error-rate is Critical",
        "severity": "SEV1",
        "cause": {"source": "Metric", "name": "error-rate"},
    }
    assert write_key(creation(rig)) == (creation(rig).ref, "CreateIncident")
    assert creation(rig).ref in rig.store.incidents.objects


async def test_incident_that_an_earlier_attempt_has_created_is_stored() -> None:
    rig = rig_with(incident_body())
    await carried_out(rig, RUNBOOK, creation(rig))
    rig.store.forget(creation(rig).ref)
    rig.kube.fault = failing(errors.AlreadyExistsError("409"))

    await carried_out(rig, RUNBOOK, creation(rig))

    assert creation(rig).ref in rig.store.incidents.objects


async def test_incident_is_refused_with_the_name_of_its_crd_if_that_is_not_installed() -> None:
    rig = rig_with(incident_body())
    rig.kube.fault = failing(errors.NotFoundError("404"))

    with pytest.raises(errors.RefusedError, match=r"CRD incidents\.runbooks\.dev"):
        await carried_out(rig, RUNBOOK, creation(rig))


async def test_acknowledgement_is_removed_on_the_version_of_the_decision_only() -> None:
    rig = rig_with(incident_body(acknowledged=True))
    step = ClearAcknowledgement(meta_of_incident(rig))
    rig.kube._patched(PATH, {"metadata": {}, "spec": {"note": "I work on it"}})

    await carried_out(rig, INCIDENT, step)
    assert rig.store.incidents.objects[INCIDENT].spec.acknowledged

    await carried_out(rig, INCIDENT, ClearAcknowledgement(meta_of_incident(rig)))
    assert rig.store.incidents.objects[INCIDENT].spec.acknowledged is None
    assert rig.store.incidents.objects[INCIDENT].spec.note == "I work on it"


async def test_deleted_incident_leaves_the_store_and_a_new_one_of_its_name_is_kept() -> None:
    rig = rig_with(incident_body())
    step = DeleteIncident(meta_of_incident(rig))
    again = incident_body()
    again["metadata"] |= {"uid": "uid-again", "resourceVersion": "200"}
    rig.kube.objects[PATH] = again

    await carried_out(rig, INCIDENT, step)
    assert rig.store.incidents.objects[INCIDENT].meta.uid == "uid-again"

    await carried_out(rig, INCIDENT, DeleteIncident(meta_of_incident(rig)))
    assert PATH not in rig.kube.objects
    assert INCIDENT not in rig.store.incidents.objects
    await carried_out(rig, INCIDENT, step)
