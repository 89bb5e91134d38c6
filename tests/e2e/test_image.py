"""The image that the Dockerfile makes, looked at in its archive and run by the lab's node.

Not checked, since no registry and no second architecture can be had here: the build on the official base, the build for
linux/arm64, and a push. What stands for the second is that every locked package has a wheel for it.
"""

import hashlib
import json
import re
import stat
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from lab import image
from lab.layout import here
from runbook_operator import __version__
from tests.e2e import api, release
from tests.e2e.harness import ROLLOUT, Cluster, eventually

ROOT = Path(__file__).resolve().parents[2]
MOST = 120_000_000
"""Bytes of all layers, not compressed: what a node keeps on its disk. A registry sends about a third of it."""
TOOLS = re.compile(
    r"(^|/)(sh|bash|dash|busybox|apt[^/]*|dpkg|pip3?|uv|uvx|gcc|cc|g\+\+|ld|make|perl|curl|wget|su|mount)$"
    r"|-packages/(pip|setuptools|wheel|hatchling|uv|pytest|mypy)(/|$)"
    r"|(^|/)(root|home|build|opt)/|/(\.cache|tests?|idlelib|ensurepip)/|\.(a|h|pyx|orig)$"
)
Body = dict[str, Any]


@dataclass(frozen=True)
class Archive:
    """An image as docker-archive: a manifest, a configuration, layers."""

    path: Path

    @cached_property
    def config(self) -> Body:
        found: Body = json.loads(self._read(self._manifest["Config"]))
        return found

    @cached_property
    def files(self) -> dict[str, tarfile.TarInfo]:
        return {entry.name: entry for layer in self._layers() for entry in layer}

    def text(self, name: str) -> str:
        for layer in self._layers():
            if name in layer.getnames() and (file := layer.extractfile(name)):
                return file.read().decode()
        raise AssertionError(f"{name} is not in the image")

    @cached_property
    def _manifest(self) -> Body:
        found: Body = json.loads(self._read("manifest.json"))[0]
        return found

    def _read(self, name: str) -> bytes:
        with tarfile.open(self.path) as archive:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

    def _layers(self) -> Iterator[tarfile.TarFile]:
        with tarfile.open(self.path) as archive:
            for name in self._manifest["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                    yield layer


@pytest.fixture
def archive(node: str) -> Archive:
    assert node
    release.only_on_the_lab()
    return opened(image.made(here()))


@cache
def opened(path: Path) -> Archive:
    """Read once, whichever test is first."""
    return Archive(path)


def test_image_takes_less_than_120_mb(archive: Archive) -> None:
    assert sum(entry.size for entry in archive.files.values()) < MOST
    assert archive.path.stat().st_size < MOST


def test_image_runs_as_a_numeric_user_without_root_and_shell(archive: Archive) -> None:
    config = archive.config["config"]

    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/app/bin/runbook-operator"]
    assert archive.text("app/bin/runbook-operator").startswith("#!/app/bin/python\n")


def test_image_files_are_not_setuid_or_writable_by_its_user(archive: Archive) -> None:
    special = stat.S_ISUID | stat.S_ISGID
    plain = [one for one in archive.files.values() if not one.issym()]

    assert [one.name for one in plain if one.mode & special] == []
    assert [one.name for one in plain if (one.uid, one.gid) != (0, 0)] == []
    assert [one.name for one in plain if one.mode & stat.S_IWOTH] == ["tmp"]


def test_image_has_no_shell_package_manager_compiler_or_cache(archive: Archive) -> None:
    assert [name for name, one in archive.files.items() if not one.isdir() and TOOLS.search(name)] == []


def test_image_has_every_module_compiled(archive: Archive) -> None:
    ours = [name for name in archive.files if "site-packages/runbook_operator/" in name and name.endswith(".py")]
    compiled = {re.sub(r"__pycache__/(.*)\.cpython-\d+\.pyc", r"\1.py", name) for name in archive.files}

    assert ours
    assert set(ours) <= compiled


def test_image_labels_name_version_and_bill_of_materials(archive: Archive) -> None:
    labels = archive.config["config"]["Labels"]

    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    bill = json.loads(archive.text(labels["dev.runbooks.image.sbom"].removeprefix("/")))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")


def test_bill_of_materials_lists_every_locked_and_base_package(archive: Archive) -> None:
    bill = json.loads(archive.text("usr/share/sbom/runbook-operator.cdx.json"))
    named = {one["name"]: one["version"] for one in bill["components"]}
    installed = dict(re.findall(r"site-packages/([\w.]+)-([^/]+)\.dist-info/METADATA", "\n".join(archive.files)))
    installed.pop("runbook_operator")

    assert {
        name.replace("_", "-").replace(".", "-").lower(): v for name, v in installed.items()
    }.items() <= named.items()
    assert {"python", "libc6", "libssl3"} <= named.keys()
    # For scanners that look for the packages of a distribution, and not for a bill.
    assert "Package: libc6" in archive.text("var/lib/dpkg/status.d/libc6")


def test_image_has_no_traces_of_the_build_network(archive: Archive) -> None:
    assert [name for name in archive.files if name.startswith("run/") or name == "etc/resolv.conf"] == []
    environment = {line.partition("=")[0] for line in archive.config["config"]["Env"]}
    memory = {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"}
    assert environment == {"PATH", "LANG", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"} | memory


@pytest.mark.node
def test_image_runs_under_the_restricted_profile_with_a_read_only_root(cluster: Cluster, node: str) -> None:
    assert node
    release.only_on_the_lab()
    refuse = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "version",
        "image": image.loaded(here()),
        "imagePullPolicy": "Never",
        "args": ["--version"],
        "securityContext": refuse,
    }
    # No user is named: the image's own must be a number, or the kubelet cannot tell that it is not root.
    secure = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "securityContext": secure, "containers": [container]}
    enforced = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    api.patch(f"/api/v1/namespaces/{cluster.namespace}", enforced)
    eventually("its account is there", lambda: cluster.run("get", "serviceaccount", "default", "-o", "name"))

    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "version"}, "spec": spec})

    ended = ("Succeeded", "Failed")
    eventually("it ends", lambda: cluster.get("pod", "version")["status"].get("phase") in ended, seconds=ROLLOUT)
    assert cluster.run("logs", "version") == f"runbook-operator {__version__}\n"
    assert cluster.get("pod", "version")["status"]["phase"] == "Succeeded"


def test_every_locked_package_has_a_wheel_for_both_architectures() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    packages = {one["name"]: one for one in lock["package"]}
    wanted, observed = ["runbook-operator"], set()
    while wanted:
        name = wanted.pop()
        if name not in observed:
            observed.add(name)
            wanted += [one["name"] for one in packages[name].get("dependencies", ())]

    lacking = [
        (name, machine)
        for name in sorted(observed - {"runbook-operator"})
        for machine in ("x86_64", "aarch64")
        if not any(_fits(wheel["url"], machine) for wheel in packages[name]["wheels"])
    ]

    assert lacking == []


def _fits(url: str, machine: str) -> bool:
    """Whether CPython 3.13 on glibc takes the wheel."""
    native = re.search(rf"-(cp313-cp313|cp3\d+-abi3|py3-none)-manylinux\w*{machine}", url)
    return url.endswith("none-any.whl") or native is not None


def test_dockerfile_pins_its_base_and_the_versions_of_the_checkout() -> None:
    text, makefile = (ROOT / "Dockerfile").read_text(), (ROOT / "Makefile").read_text()
    uv = (ROOT / "tools" / "uv.txt").read_text()

    assert re.search(r"^ARG BASE=docker\.io/library/python:3\.13-slim@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert f"ARG VERSION={__version__}\n" in text
    assert re.findall(r"^uv==(\S+)", uv, re.MULTILINE) == re.findall(r"^UV_VERSION := (\S+)", makefile, re.MULTILINE)
    assert len(set(re.findall(r"--hash=sha256:([0-9a-f]{64})", uv))) == 2


def test_image_of_the_same_sources_is_built_once(archive: Archive) -> None:
    before = hashlib.sha256(archive.path.read_bytes()).hexdigest()

    again = image.made(here())

    assert again == archive.path
    assert hashlib.sha256(again.read_bytes()).hexdigest() == before
