"""The one writer of status: a merge patch of only what changed, on the resourceVersion that was decided on."""

from typing import Any

from runbook_operator.io.kube import Body, Kube
from runbook_operator.io.paths import own
from runbook_operator.model.base import StatusModel
from runbook_operator.plan.steps import WriteStatus


async def write_status(kube: Kube, old: StatusModel, step: WriteStatus) -> Body:
    """Returns the object as it is now; raises ConflictError where it is no longer as it was decided on."""
    body = {
        "metadata": {"resourceVersion": step.meta.resource_version},
        "status": difference(dump(old), dump(step.status)),
    }
    return await kube.merge(own(step.meta.ref) + "/status", body)


def dump(status: StatusModel) -> Body:
    """The status as it stands in the API."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def difference(old: Body, new: Body) -> Body:
    """The JSON merge patch that turns `old` into `new`: null removes, lists are replaced as a whole."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if inner := difference(before, value):
                patch[key] = inner
        elif value != before:
            patch[key] = value
    return patch
