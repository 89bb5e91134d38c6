"""What an action makes for one engagement: a name that is the same for the same action, and marks to find it by."""

import hashlib
import json
import re
from typing import Any

from runbook_operator.actions.plan_context import Body, Scene
from runbook_operator.core.labels import ENGAGEMENT, MARKS, RUNBOOK, SWITCH
from runbook_operator.core.model_base import ApiModel

LONGEST = 63
"""A Job's name is a label of its pods."""


def name_for(scene: Scene, spec: ApiModel) -> str:
    """A name from the Switch, the engagement and what is declared, but not from the action's place in the list.

    An edit that moves the action to another place must not make it do its work once more.
    """
    declared = json.dumps([spec.model_dump(by_alias=True, mode="json"), scene.twin], sort_keys=True)
    digest = hashlib.sha256(declared.encode()).hexdigest()[:6]
    tail = f"-{scene.throw.engagement}-{digest}"
    head = re.sub(r"[^a-z0-9]+", "-", scene.throw.switch)[: LONGEST - len(tail)]
    return head.rstrip("-") + tail


def metadata_for(scene: Scene, name: str, template: Body | None = None) -> dict[str, Any]:
    """The metadata of what is made; `template` has labels and annotations to take over.

    Those of GitOps tools stay behind: they would take the object for one of theirs, and delete it.
    """
    copied = {part: _without_marks((template or {}).get(part)) for part in ("labels", "annotations")}
    return {
        "name": name,
        "namespace": scene.namespace,
        "labels": copied["labels"] | {RUNBOOK: scene.throw.runbook, ENGAGEMENT: scene.throw.engagement},
        "annotations": copied["annotations"] | {SWITCH: scene.throw.switch},
        "ownerReferences": [dict(scene.throw.owner)],
    }


def _without_marks(held: Body | None) -> dict[str, Any]:
    return {key: value for key, value in (held or {}).items() if key not in MARKS}
