"""Names and metadata of the objects that an action creates for one engagement."""

import hashlib
import json
import re
from typing import Any

from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.core.labels import ENGAGEMENT, MARKS, RUNBOOK, SWITCH
from runbook_operator.core.model_base import ApiModel

LONGEST = 63
"""Longest name: a Job's name is a label value of its pods."""


def name_for(context: PlanContext, spec: ApiModel) -> str:
    """Return a name derived from the Switch, the engagement and the spec, but not from the action's index.

    An edit that moves the action within the list must not repeat its work.
    """
    declared = json.dumps([spec.model_dump(by_alias=True, mode="json"), context.duplicate_index], sort_keys=True)
    digest = hashlib.sha256(declared.encode()).hexdigest()[:6]
    tail = f"-{context.throw.engagement}-{digest}"
    head = re.sub(r"[^a-z0-9]+", "-", context.throw.switch)[: LONGEST - len(tail)]
    return head.rstrip("-") + tail


def metadata_for(context: PlanContext, name: str, template: Body | None = None) -> dict[str, Any]:
    """Return the metadata of a created object, with the labels and annotations of `template`.

    It leaves out those of GitOps tools, which would consider the object theirs and delete it.
    """
    copied = {part: _without_marks((template or {}).get(part)) for part in ("labels", "annotations")}
    return {
        "name": name,
        "namespace": context.namespace,
        "labels": copied["labels"] | {RUNBOOK: context.throw.runbook, ENGAGEMENT: context.throw.engagement},
        "annotations": copied["annotations"] | {SWITCH: context.throw.switch},
        "ownerReferences": [dict(context.throw.owner)],
    }


def _without_marks(held: Body | None) -> dict[str, Any]:
    return {key: value for key, value in (held or {}).items() if key not in MARKS}
