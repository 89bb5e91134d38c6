"""Carries out one step that is not a status; each write has a precondition, and its answer goes back to the caller."""

from runbook_operator.io.kube import Body, Kube
from runbook_operator.io.paths import BUILT_IN, Paths, collection, own, path_of
from runbook_operator.model.effects import Effect
from runbook_operator.model.refs import API_VERSION, Meta
from runbook_operator.model.seen import Seen, seen_of
from runbook_operator.plan.steps import CreateSwitch, DeleteSwitch, SetFinalizers, SpringBack

RUNBOOK_LABEL = "runbooks.dev/runbook"


async def apply(paths: Paths, effect: Effect) -> Seen:
    """Write to a target; raises ConflictError where it is no longer as it was seen."""
    resource = await paths.resource(effect.ref)
    assert resource  # noqa: S101 # an effect is on what was seen, so its kind is served
    answer = await paths.kube.merge(
        path_of(effect.ref, resource.plural) + "/scale",
        {
            "metadata": {"uid": effect.uid, "resourceVersion": effect.resource_version},
            "spec": {"replicas": effect.replicas},
        },
    )
    return seen_of(answer, effect.ref)


async def carry_out(kube: Kube, step: SetFinalizers | SpringBack | CreateSwitch | DeleteSwitch) -> Body | None:
    """Write to one of our own objects; returns it as it is now, None where it is going away."""
    match step:
        case SetFinalizers():
            return await kube.merge(own(step.meta.ref), _expecting(step.meta, finalizers=list(step.finalizers)))
        case SpringBack():
            return await kube.merge(own(step.meta.ref), {**_expecting(step.meta), "spec": {"engaged": None}})
        case CreateSwitch():
            namespace = step.runbook.ref.namespace
            switches = BUILT_IN[(API_VERSION, "Switch")].plural
            return await kube.create(collection(API_VERSION, switches, namespace), new_switch(step))
        case DeleteSwitch():
            await kube.delete(own(step.meta.ref), step.meta.uid)
            return None


def new_switch(step: CreateSwitch) -> Body:
    """A Switch with an owner and no word from any person; deleting the Runbook deletes it."""
    runbook = step.runbook
    owner = {
        "apiVersion": API_VERSION,
        "kind": "Runbook",
        "name": runbook.ref.name,
        "uid": runbook.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Switch",
        "metadata": {
            "name": step.name,
            "namespace": runbook.ref.namespace,
            "labels": {RUNBOOK_LABEL: runbook.ref.name},
            "ownerReferences": [owner],
        },
        "spec": {"runbook": runbook.ref.name, "switch": step.switch},
    }


def _expecting(meta: Meta, **changes: object) -> Body:
    return {"metadata": {"resourceVersion": meta.resource_version, **changes}}
