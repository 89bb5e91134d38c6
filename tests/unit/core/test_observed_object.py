"""What is kept of a target."""

from typing import Any

from runbook_operator.core.observed_object import absent, alike, is_only_progress, observed_from, scaled
from runbook_operator.core.references import Ref

WEB = Ref("apps/v1", "Deployment", "shop", "web")


def body(kind: str = "Deployment", *, spec: dict[str, Any], fields: dict[str, str] | None = None) -> dict[str, Any]:
    managed = [{"manager": name, "fieldsV1": {"f:spec": {field: {}}}} for name, field in (fields or {}).items()]
    meta = {"name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "7", "managedFields": managed}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}


def test_of_what_nobody_holds_the_replicas_and_their_writer_are_kept_and_no_template() -> None:
    found = observed_from(
        body(spec={"replicas": 2, "template": {}}, fields={"helm": "f:template", "kubectl": "f:replicas"})
    )

    assert (found.replicas, found.manager("spec.replicas")) == (2, "kubectl")
    assert "template" not in found.body["spec"]
    assert (found.is_readable("spec.replicas"), found.is_readable("spec.template")) == (True, False)


def test_of_a_template_the_labels_of_its_pods_are_kept() -> None:
    template = {"metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}}, "spec": {"containers": []}}

    found = observed_from(body(spec={"replicas": 2, "template": template}))

    assert found.body["spec"] == {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}}}
    assert not found.is_readable("spec.template")


def test_what_is_held_is_kept_as_a_whole_without_what_changes_at_every_write() -> None:
    found = observed_from(body(spec={"template": {"x": 1}}, fields={"helm": "f:template"}), whole=True)

    assert found.body["spec"] == {"template": {"x": 1}}
    assert set(found.body["metadata"]) == {"name", "namespace", "uid"}
    assert found.manager("spec.template") == "helm"
    assert (found.is_readable("spec.replicas"), found.is_readable("spec.template")) == (False, True)


def test_replicas_left_out_are_one_in_a_workload_and_none_in_its_scale() -> None:
    assert observed_from(body(spec={})).replicas == 1
    assert scaled(None, WEB, body("Scale", spec={})).replicas == 0


def test_a_scale_is_taken_into_what_is_known_of_its_workload() -> None:
    known = observed_from(body(spec={"replicas": 2, "paused": True}), whole=True)
    scale = body("Scale", spec={"replicas": 5})
    scale["metadata"]["resourceVersion"] = "8"

    found = scaled(known, WEB, scale)

    assert (found.replicas, found.resource_version, found.body["spec"]["paused"]) == (5, "8", True)
    assert scaled(known, WEB, {**scale, "metadata": {"uid": "2", "resourceVersion": "9"}}).body["spec"] == {
        "replicas": 5
    }


def test_a_change_of_the_status_alone_is_told_from_any_other() -> None:
    before = observed_from(body(spec={"replicas": 2}))
    progress = observed_from(body(spec={"replicas": 2}) | {"status": {"readyReplicas": 1}})

    assert not alike(before, progress)
    assert is_only_progress(before, progress)
    assert not is_only_progress(before, observed_from(body(spec={"replicas": 3})))
    assert not is_only_progress(before, absent(WEB))


def test_of_a_secret_nothing_but_its_name_is_kept() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"password":"hunter2"}}'}
    secret = body("Secret", spec={}) | {"data": {"password": "hunter2"}}
    secret["metadata"] |= {"annotations": annotations}

    found = observed_from(secret, whole=True)

    assert "hunter2" not in str(found)
    assert (found.uid, found.whole) == ("1", True)
