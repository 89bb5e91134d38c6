"""Write to Runbooks and Switches: statuses, finalizers and overrides; create and delete the Switches of a Runbook."""

from dataclasses import dataclass

import structlog

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
    ClearOverride,
    CreateSwitch,
    DeleteSwitch,
    OwnStep,
    SetFinalizers,
    WriteStatus,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


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
        await self.reporter.announce(step.notices if isinstance(step, ClearOverride | DeleteSwitch) else ())
        try:
            body = await _written(self.kube, step)
        except (errors.ConflictError, errors.NotFoundError):
            await self.reader.read_own(ref if isinstance(step, CreateSwitch) else step.meta.ref, ref)
            return
        if body is not None:
            self.reader.learn(ref, body)
        elif isinstance(step, DeleteSwitch):
            self.reader.deleted(ref, step.meta)


async def _written(kube: Kube, step: OwnStep) -> Body | None:
    """Write to one of the operator's own objects; return its new body, None if it no longer exists."""
    match step:
        case SetFinalizers():
            return await kube.merge(own(step.meta.ref), _expecting(step.meta, finalizers=list(step.finalizers)))
        case ClearOverride():
            word = {"engaged": None, "reason": None, "expiresAfter": None, "renewedAt": None}
            return await kube.merge(own(step.meta.ref), {**_expecting(step.meta), "spec": word})
        case CreateSwitch():
            return await _create_switch(kube, step)
        case AdoptSwitch():
            runbook = step.runbook
            change = _expecting(step.meta, ownerReferences=[_owner(runbook)], labels={RUNBOOK: runbook.ref.name})
            return await kube.merge(own(step.meta.ref), change)
        case DeleteSwitch():
            answer = await kube.delete(own(step.meta.ref), step.meta.uid)
            return answer if answer["kind"] == step.meta.ref.kind else None


async def _create_switch(kube: Kube, step: CreateSwitch) -> Body:
    """Create the Switch; raises RefusedError with the name of the CRD if the API server serves no Switches."""
    try:
        return await kube.create(collection(API_VERSION, SWITCH.plural, step.runbook.ref.namespace), _new_switch(step))
    except (errors.NotFoundError, errors.RefusedError) as error:
        if (missing := unserved(SWITCH.plural, error)) is None:
            raise
        raise missing from error


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
