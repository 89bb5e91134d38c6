"""The only writer of statuses: a merge patch of the changed fields, on the resourceVersion of the snapshot."""

from runbook_operator.controller.engagement_start import begin
from runbook_operator.core.merge_patch import difference
from runbook_operator.core.model_base import StatusModel
from runbook_operator.kube.client import Body, Kube
from runbook_operator.kube.discovery import own
from runbook_operator.reconcile.steps import Begin, WriteStatus


async def write_status(kube: Kube, old: StatusModel, step: WriteStatus) -> Body:
    """Write the status and return the object; raises ConflictError if it changed since the decision."""
    before, after = dump(old), dump(step.status)
    if isinstance(step, Begin):
        return await begin(kube, step, before, after)
    body = {"metadata": {"resourceVersion": step.meta.resource_version}, "status": difference(before, after)}
    return await kube.merge(own(step.meta.ref) + "/status", body)


def dump(status: StatusModel) -> Body:
    """Return the status as JSON of the API."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
