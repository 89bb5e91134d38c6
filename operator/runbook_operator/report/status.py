"""The one writer of status: a merge patch of only what changed, on the resourceVersion that was decided on."""

from runbook_operator.io.kube import Body, Kube
from runbook_operator.io.paths import own
from runbook_operator.model.base import StatusModel
from runbook_operator.model.patches import difference
from runbook_operator.plan.steps import Begin, WriteStatus
from runbook_operator.report.beginning import begin


async def write_status(kube: Kube, old: StatusModel, step: WriteStatus) -> Body:
    """Returns the object as it is now; raises ConflictError where it is no longer as it was decided on."""
    before, after = dump(old), dump(step.status)
    if isinstance(step, Begin):
        return await begin(kube, step, before, after)
    body = {"metadata": {"resourceVersion": step.meta.resource_version}, "status": difference(before, after)}
    return await kube.merge(own(step.meta.ref) + "/status", body)


def dump(status: StatusModel) -> Body:
    """The status as it stands in the API."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
