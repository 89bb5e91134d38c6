"""What kopf is told of the cluster, without one."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import kube_config

from runbook_operator.controller.kopf_watches import _hand_to, _login

TOLD = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "by-a-program"}}
PROGRAM = {
    "apiVersion": TOLD["apiVersion"],
    "command": sys.executable,
    "args": ["-c", f"print({json.dumps(TOLD)!r})"],
    "interactiveMode": "Never",
}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


def _write(path: Path, user: dict[str, Any], **cluster: Any) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://10.0.0.1:443"} | cluster}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "mine"}, "Bearer mine"),
        ({"username": "me", "password": "word"}, "Basic bWU6d29yZA=="),
        ({"exec": PROGRAM}, "Bearer by-a-program"),
        ({}, None),
    ],
)
async def test_kopf_login_uses_the_kubeconfig_credentials(
    kubeconfig: Path, user: dict[str, Any], header: str | None
) -> None:
    _write(kubeconfig, user)

    told = await _login()

    assert told.server == "https://10.0.0.1:443"
    assert told.as_http_headers().get("Authorization") == header


async def test_kopf_login_uses_the_kubeconfig_certificates(kubeconfig: Path, tmp_path: Path) -> None:
    names = ("ca", "certificate", "key")
    ca, certificate, key = files = [tmp_path / name for name in names]
    for file in files:
        file.write_text("PEM")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    _write(kubeconfig, user, **{"certificate-authority": str(ca)})

    told = await _login()

    assert [told.ca_path, told.certificate_path, told.private_key_path] == [str(file) for file in files]
    assert not told.insecure


async def test_kopf_login_uses_proxy_and_insecure_flag_of_the_kubeconfig(kubeconfig: Path) -> None:
    _write(kubeconfig, {}, **{"proxy-url": "http://proxy:3128", "insecure-skip-tls-verify": True})

    told = await _login()

    assert told.proxy_url == "http://proxy:3128"
    assert told.insecure


async def test_replaced_token_is_read_again(kubeconfig: Path) -> None:
    _write(kubeconfig, {"token": "old"})
    await _login()
    _write(kubeconfig, {"token": "new"})

    assert (await _login()).token == "new"


async def test_whole_object_is_handed_over_and_kopf_keeps_only_its_names() -> None:
    names = {"namespace": "shop", "name": "web", "uid": "1"}
    meta = names | {"resourceVersion": "8", "managedFields": [{"manager": "kubectl"}]}
    whole = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 3}}
    kept: dict[str, Any] = dict(whole)
    handed: list[tuple[str | None, dict[str, Any]]] = []

    await _hand_to(lambda kind, body: handed.append((kind, body)))(event={"type": "MODIFIED", "object": kept})

    assert handed == [("MODIFIED", whole)]
    assert kept == {"metadata": names}
