"""Where objects live in the API: what users write in a name never leads anywhere else."""

import pytest

from runbook_operator.core.observed_object import Missing
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths, collection, namespace_of, path_of
from runbook_operator.kube.object_reads import read_target
from tests.fakes.asked_kube import AskedKube

OUT = [
    "../../kube-system/cronjobs/backup",
    "..",
    ".",
    "",
    "backup/../../x",
    "backup/status",
    "%2e%2e%2fx",
    "backup?watch=1",
    "backup#x",
    "backup\\..",
    "back up",
    "backup\n",
]


def test_object_path_contains_its_namespace() -> None:
    assert path_of(Ref("batch/v1", "CronJob", "shop", "backup"), "cronjobs") == (
        "/apis/batch/v1/namespaces/shop/cronjobs/backup"
    )
    assert collection("v1", "pods") == "/api/v1/pods"
    assert path_of(Ref("v1", "Namespace", "shop", "shop"), "namespaces") == "/api/v1/namespaces/shop"


@pytest.mark.parametrize("name", OUT)
async def test_name_with_path_characters_is_missing_without_request(name: str) -> None:
    kube, ref = AskedKube(), Ref("batch/v1", "CronJob", "shop", name)

    found = await read_target(Paths(kube), ref)

    assert isinstance(found, Missing)
    assert found.reason is Reason.TARGET_NOT_FOUND
    assert kube.asked == []


@pytest.mark.parametrize(
    "version", ["apps/v1/../../../api/v1", "apps/v1/namespaces/kube-system", "../v1", "v1?x=1", ""]
)
async def test_version_with_path_characters_is_unserved_without_request(version: str) -> None:
    kube = AskedKube()

    found = await read_target(Paths(kube), Ref(version, "Secret", "shop", "credentials"))

    assert isinstance(found, Missing)
    assert found.reason is Reason.KIND_NOT_FOUND
    assert kube.asked == []


@pytest.mark.parametrize("namespace", ["../kube-system", "shop/../kube-system"])
def test_namespace_with_path_characters_is_refused(namespace: str) -> None:
    with pytest.raises(errors.NotFoundError, match="is not the name of a kind"):
        collection("v1", "pods", namespace)


@pytest.mark.parametrize(
    ("path", "namespace"),
    [
        ("/api/v1/namespaces/team/events", "team"),
        ("/api/v1/namespaces/team/configmaps/flags", "team"),
        ("/apis/runbooks.dev/v1alpha1/namespaces/team/switches/shop-stop/status", "team"),
        ("/apis/apps/v1/namespaces/namespaces/deployments/namespaces/scale", "namespaces"),
        ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", ""),
        ("/api/v1/namespaces/team", ""),
        ("/apis/apps/v1/deployments", ""),
        ("/apis", ""),
        ("", ""),
    ],
)
def test_namespace_is_extracted_from_a_path(path: str, namespace: str) -> None:
    assert namespace_of(path) == namespace
