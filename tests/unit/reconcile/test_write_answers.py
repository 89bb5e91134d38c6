"""The API server's answer to an accepted write is compared with what the write asked for."""

from runbook_operator.api.switch import Record
from runbook_operator.core.desired_fields import OBJECT
from runbook_operator.core.field_values import nothing
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Delete
from runbook_operator.reconcile.steps import Change, WriteTarget
from runbook_operator.reconcile.write_answers import answers

POD = Ref("v1", "Pod", "shop", "db-0")
BODY = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "db-0",
        "namespace": "shop",
        "uid": "pod-1",
        "resourceVersion": "2",
        "deletionTimestamp": "2026-11-24T03:00:00Z",
    },
}


def test_slowly_deleted_object_counts_as_unchanged() -> None:
    step = WriteTarget(
        Delete(POD, "pod-1"), (Change((POD, OBJECT), "there", None),), Record(engagement_id="e", engaged_at="t")
    )

    ((_, ending),) = answers(step, observed_from(BODY, whole=True))
    assert not ending.changed

    ((_, gone),) = answers(step, nothing(POD))
    assert not gone.changed
