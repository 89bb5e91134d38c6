"""What is kept of a target."""

from typing import Any

from runbook_operator.core.observed_object import absent, alike, is_only_progress, observed_from, scaled
from runbook_operator.core.references import Ref

WEB = Ref("apps/v1", "Deployment", "shop", "web")


def body(kind: str = "Deployment", *, spec: dict[str, Any], fields: dict[str, str] | None = None) -> dict[str, Any]:
    managed = [{"manager": name, "fieldsV1": {"f:spec": {field: {}}}} for name, field in (fields or {}).items()]
    meta = {"name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "7", "managedFields": managed}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}


def test_unheld_object_keeps_replicas_and_writer_and_no_template() -> None:
    found = observed_from(
        body(spec={"replicas": 2, "template": {}}, fields={"helm": "f:template", "kubectl": "f:replicas"})
    )

    assert (found.replicas, found.manager("spec.replicas")) == (2, "kubectl")
    assert "template" not in found.body["spec"]
    assert (found.is_readable("spec.replicas"), found.is_readable("spec.template")) == (True, False)


def test_stored_template_keeps_only_pod_labels() -> None:
    template = {"metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}}, "spec": {"containers": []}}

    found = observed_from(body(spec={"replicas": 2, "template": template}))

    assert found.body["spec"] == {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}}
    assert not found.is_readable("spec.template")


def test_held_object_is_stored_whole_without_volatile_fields() -> None:
    found = observed_from(body(spec={"template": {"x": 1}}, fields={"helm": "f:template"}), whole=True)

    assert found.body["spec"] == {"template": {"x": 1}}
    assert set(found.body["metadata"]) == {"name", "namespace", "uid"}
    assert found.manager("spec.template") == "helm"
    assert (found.is_readable("spec.replicas"), found.is_readable("spec.template")) == (False, True)


def test_missing_replicas_are_one_in_a_workload_and_zero_in_a_scale() -> None:
    assert observed_from(body(spec={})).replicas == 1
    assert scaled(None, WEB, body("Scale", spec={})).replicas == 0


def test_scale_is_merged_into_its_known_workload() -> None:
    known = observed_from(body(spec={"replicas": 2, "paused": True}), whole=True)
    scale = body("Scale", spec={"replicas": 5})
    scale["metadata"]["resourceVersion"] = "8"

    found = scaled(known, WEB, scale)

    assert (found.replicas, found.resource_version, found.body["spec"]["paused"]) == (5, "8", True)
    assert scaled(known, WEB, {**scale, "metadata": {"uid": "2", "resourceVersion": "9"}}).body["spec"] == {
        "replicas": 5
    }


def test_status_only_change_is_recognized() -> None:
    before = observed_from(body(spec={"replicas": 2}))
    progress = observed_from(body(spec={"replicas": 2}) | {"status": {"readyReplicas": 1}})

    assert not alike(before, progress)
    assert is_only_progress(before, progress)
    assert not is_only_progress(before, observed_from(body(spec={"replicas": 3})))
    assert not is_only_progress(before, absent(WEB))


def test_secret_keeps_only_its_name() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"password":"hunter2"}}'}
    secret = body("Secret", spec={}) | {"data": {"password": "hunter2"}}
    secret["metadata"] |= {"annotations": annotations}

    found = observed_from(secret, whole=True)

    assert "hunter2" not in str(found)
    assert (found.uid, found.whole) == ("1", True)
