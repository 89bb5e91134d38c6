"""What is kept of a target."""

from typing import Any

from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Seen, seen_of

WEB = Ref("apps/v1", "Deployment", "shop", "web")


def body(kind: str = "Deployment", *, spec: dict[str, Any], fields: dict[str, str] | None = None) -> dict[str, Any]:
    managed = [{"manager": name, "fieldsV1": {"f:spec": {field: {}}}} for name, field in (fields or {}).items()]
    meta = {"name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "7", "managedFields": managed}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}


def test_the_owner_of_replicas_is_the_manager_that_is_named() -> None:
    found = seen_of(body(spec={"replicas": 2}, fields={"helm": "f:template", "kubectl-patch": "f:replicas"}))

    assert found == Seen(WEB, "1", "7", 2, "kubectl-patch")


def test_replicas_left_out_are_one_in_a_workload_and_none_in_its_scale() -> None:
    assert seen_of(body(spec={})).replicas == 1
    assert seen_of(body("Scale", spec={}), WEB) == Seen(WEB, "1", "7", 0)
