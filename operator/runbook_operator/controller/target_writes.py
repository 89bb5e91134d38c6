"""Carry out one step that is not a status; each write has a precondition, and the API server's answer is returned."""

from runbook_operator.core.labels import RUNBOOK
from runbook_operator.core.references import API_VERSION, Meta
from runbook_operator.core.writes import Create, Delete, Effect, Patch
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube
from runbook_operator.kube.discovery import BUILT_IN, Paths, collection, own, path_of
from runbook_operator.kube.missing_crd import unserved
from runbook_operator.reconcile.steps import (
    AdoptSwitch,
    ClearOverride,
    CreateSwitch,
    DeleteSwitch,
    OwnStep,
    SetFinalizers,
)


async def apply(paths: Paths, effect: Effect, *, dry_run: bool = False) -> Body | None:
    """Write to a target; return the API server's answer, None if the target is gone by that.

    The API server checks a dry run like the write itself, and stores nothing. A dry run requires no resourceVersion: a
    status that changes meanwhile says nothing about the write.

    Raises ConflictError if the target changed since it was read, and AlreadyExistsError if a new object exists already.
    """
    resource = await paths.resource(effect.ref)
    if resource is None:
        raise errors.NotFoundError(f"the cluster has no kind {effect.ref.kind} in {effect.ref.api_version}")
    path = path_of(effect.ref, resource.plural)
    match effect:
        case Patch():
            part = f"/{effect.subresource}" if effect.subresource else ""
            return await paths.kube.merge(path + part, _expected(effect, any_version=dry_run), dry_run=dry_run)
        case Create():
            return await paths.kube.create(path.rsplit("/", 1)[0], dict(effect.body), dry_run=dry_run)
        case Delete():
            answer = await paths.kube.delete(path, effect.uid, effect.resource_version, dry_run=dry_run)
            return answer if answer.get("kind") == effect.ref.kind else None


def _expected(effect: Patch, *, any_version: bool) -> Body:
    """Return the patch with its precondition."""
    expected = {"uid": effect.uid} if any_version else {"uid": effect.uid, "resourceVersion": effect.resource_version}
    return {**effect.patch, "metadata": {**effect.patch.get("metadata", {}), **expected}}


async def carry_out(kube: Kube, step: OwnStep) -> Body | None:
    """Write to one of the operator's own objects; return it as it is now, None if it is gone."""
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
            change = _expecting(step.meta, ownerReferences=[owner(runbook)], labels={RUNBOOK: runbook.ref.name})
            return await kube.merge(own(step.meta.ref), change)
        case DeleteSwitch():
            answer = await kube.delete(own(step.meta.ref), step.meta.uid)
            return answer if answer["kind"] == step.meta.ref.kind else None


async def _create_switch(kube: Kube, step: CreateSwitch) -> Body:
    """Create the Switch; raises RefusedError with the name of the CRD if the API server serves no Switches."""
    switches = BUILT_IN[(API_VERSION, "Switch")].plural
    try:
        return await kube.create(collection(API_VERSION, switches, step.runbook.ref.namespace), new_switch(step))
    except (errors.NotFoundError, errors.RefusedError) as error:
        if (missing := unserved(switches, error)) is None:
            raise
        raise missing from error


def new_switch(step: CreateSwitch) -> Body:
    """Return a new Switch with an owner reference and no override; deleting the Runbook deletes it."""
    runbook = step.runbook
    return {
        "apiVersion": API_VERSION,
        "kind": "Switch",
        "metadata": {
            "name": step.name,
            "namespace": runbook.ref.namespace,
            "labels": {RUNBOOK: runbook.ref.name},
            "ownerReferences": [owner(runbook)],
        },
        "spec": {"runbook": runbook.ref.name, "switch": step.switch},
    }


def owner(runbook: Meta) -> Body:
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
