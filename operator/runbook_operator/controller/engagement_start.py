"""Begin an engagement with two concurrent writes: the finalizer and the write-ahead record.

A resourceVersion cannot be the precondition of both writes. Instead they require what the decision relied on: the same
object with the same spec, no record begun and no engagement ended since, and no finalizer added by another client.
"""

import asyncio
from typing import Any

from runbook_operator.core.references import Meta
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube
from runbook_operator.kube.discovery import own
from runbook_operator.reconcile.steps import Begin

Operation = dict[str, Any]


async def begin(kube: Kube, step: Begin, before: Body, after: Body) -> Body:
    """Write the finalizer and the record, which changes the status from `before` to `after`; return the object.

    Raises ConflictError if either write is refused, even if the other one succeeded.
    """
    at = own(step.meta.ref)
    record = kube.patch(f"{at}/status", [*_undisturbed(step.meta, before), *_changes(before, after)])
    done = await asyncio.gather(record, kube.patch(at, _mark(step)), return_exceptions=True)
    failed = [one for one in done if isinstance(one, BaseException)]
    for error in failed:
        if not isinstance(error, errors.RefusedError | errors.ForbiddenError):
            raise error
    if failed:
        # Either a precondition failed or the write itself is refused; a later write of only one of the two shows which.
        raise errors.ConflictError(str(failed[0])) from failed[0]
    return max((one for one in done if isinstance(one, dict)), key=_version)


def _version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])


def _mark(step: Begin) -> list[Operation]:
    return [
        _test("/metadata/uid", step.meta.uid),
        _test("/metadata/finalizers", list(step.meta.finalizers) or None),
        {"op": "add", "path": "/metadata/finalizers", "value": list(step.finalizers)},
    ]


def _undisturbed(meta: Meta, before: Body) -> list[Operation]:
    last = before.get("history") or ()
    ended = _test("/status/history/0/engagementId", last[0]["engagementId"]) if last else _test("/status/history", None)
    tests = (_test("/metadata/uid", meta.uid), _test("/metadata/generation", meta.generation))
    return [*tests, _test("/status/record", None), ended]


def _changes(before: Body, after: Body) -> list[Operation]:
    gone = [{"op": "remove", "path": f"/status/{name}"} for name in before if name not in after]
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return [*gone, *({"op": "add", "path": f"/status/{name}", "value": value} for name, value in changed.items())]


def _test(path: str, value: Any) -> Operation:
    """Return a JSON Patch test of the value; None stands for an absent field."""
    return {"op": "test", "path": path, "value": value}
