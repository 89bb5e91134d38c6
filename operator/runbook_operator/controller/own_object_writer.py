"""Write to the operator's own objects: statuses, finalizers, overrides; create and delete Switches and Incidents."""

from dataclasses import dataclass

import structlog

from runbook_operator.api.incident_kind import INCIDENT
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.api.switch_kind import SWITCH
from runbook_operator.controller.object_reader import ObjectReader
from runbook_operator.controller.status_writer import write_status
from runbook_operator.controller.write_reporter import WriteReporter
from runbook_operator.core.labels import RUNBOOK
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.references import API_VERSION, Meta, Ref
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube
from runbook_operator.kube.discovery import collection, own
from runbook_operator.kube.missing_crd import unserved
from runbook_operator.reconcile.steps import (
    AdoptSwitch,
    ClearAcknowledgement,
    ClearOverride,
    CreateIncident,
    CreateSwitch,
    Creation,
    DeleteIncident,
    DeleteSwitch,
    OwnStep,
    SetFinalizers,
    WriteStatus,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_ANNOUNCED = (ClearOverride, DeleteSwitch, CreateIncident, ClearAcknowledgement)
"""The steps with notices, which are posted before the write."""


@dataclass
class OwnObjectWriter:
    """The writes to own objects. After a conflict the object is read again for the next decision."""

    kube: Kube
    reader: ObjectReader
    reporter: WriteReporter

    async def status(self, ref: Ref, old: StatusModel, step: WriteStatus) -> None:
        """Post the Events, then write the status. After a crash in between, each is posted again as the same Event."""
        await self.reporter.announce(step.notices)
        try:
            self.reader.learn(ref, await write_status(self.kube, old, step))
        except (errors.ConflictError, errors.NotFoundError):
            await self.reader.read_own(ref)
        except (errors.ForbiddenError, errors.RefusedError) as error:
            if not step.meta.deleting or self.reader.store.own(ref) is None:
                raise
            # The object is being deleted: restore its held fields from memory instead of waiting for its status.
            log.info("the API server refused the status of a deleted object", object=str(ref), error=str(error))
            self.reader.store.defer_status(ref, step.status)

    async def own_object(self, ref: Ref, step: OwnStep) -> None:
        """Carry out a step of `ref` that writes no status."""
        await self.reporter.announce(step.notices if isinstance(step, _ANNOUNCED) else ())
        try:
            body = await _written(self.kube, step)
        except (errors.ConflictError, errors.NotFoundError):
            await self.reader.read_own(ref if isinstance(step, Creation) else step.meta.ref, ref)
            return
        if body is not None:
            self.reader.learn(ref, body)
        elif isinstance(step, DeleteSwitch | DeleteIncident):
            self.reader.deleted(ref, step.meta)


async def _written(kube: Kube, step: OwnStep) -> Body | None:
    """Write to one of the operator's own objects; return its new body, None if it no longer exists."""
    match step:
        case CreateSwitch():
            return await _create(kube, SWITCH, step, _new_switch(step))
        case CreateIncident():
            return await _open_incident(kube, step)
        case DeleteSwitch() | DeleteIncident():
            answer = await kube.delete(own(step.meta.ref), step.meta.uid)
            return answer if answer["kind"] == step.meta.ref.kind else None
        case _:
            return await kube.merge(own(step.meta.ref), _change(step))


def _change(step: SetFinalizers | ClearOverride | ClearAcknowledgement | AdoptSwitch) -> Body:
    """Return the merge patch of the step, for the resourceVersion of its decision."""
    match step:
        case SetFinalizers():
            return _expecting(step.meta, finalizers=list(step.finalizers))
        case ClearOverride():
            word = {"engaged": None, "reason": None, "expiresAfter": None, "renewedAt": None}
            return {**_expecting(step.meta), "spec": word}
        case ClearAcknowledgement():
            return {**_expecting(step.meta), "spec": {"acknowledged": None}}
        case AdoptSwitch():
            runbook = step.runbook
            return _expecting(step.meta, ownerReferences=[_owner(runbook)], labels={RUNBOOK: runbook.ref.name})


async def _open_incident(kube: Kube, step: CreateIncident) -> Body:
    """Create the Incident; return the existing one if an earlier attempt has created it and its answer was lost."""
    try:
        return await _create(kube, INCIDENT, step, _new_incident(step))
    except errors.AlreadyExistsError:
        return await kube.get(own(step.ref))


async def _create(kube: Kube, kind: ResourceKind, step: Creation, body: Body) -> Body:
    """Create an object; raises RefusedError with the name of the CRD if the API server does not serve its kind."""
    try:
        return await kube.create(collection(API_VERSION, kind.plural, step.ref.namespace), body)
    except (errors.NotFoundError, errors.RefusedError) as error:
        if (missing := unserved(kind.plural, error)) is None:
            raise
        raise missing from error


def _new_incident(step: CreateIncident) -> Body:
    """Return a new Incident; it has no owner, so that it stays when its Runbook is deleted."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Incident",
        "metadata": {
            "name": step.name,
            "namespace": step.runbook.ref.namespace,
            "labels": {RUNBOOK: step.runbook.ref.name},
        },
        "spec": step.spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True),
    }


def _new_switch(step: CreateSwitch) -> Body:
    """Return a new Switch without an override; its owner reference deletes it with the Runbook."""
    runbook = step.runbook
    return {
        "apiVersion": API_VERSION,
        "kind": "Switch",
        "metadata": {
            "name": step.name,
            "namespace": runbook.ref.namespace,
            "labels": {RUNBOOK: runbook.ref.name},
            "ownerReferences": [_owner(runbook)],
        },
        "spec": {"runbook": runbook.ref.name, "switch": step.switch},
    }


def _owner(runbook: Meta) -> Body:
    """Return the owner reference by which the API server deletes a Switch with its Runbook."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Runbook",
        "name": runbook.ref.name,
        "uid": runbook.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _expecting(meta: Meta, **changes: object) -> Body:
    return {"metadata": {"resourceVersion": meta.resource_version, **changes}}
