"""What is published, and what it is made of."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread

import pytest
import yaml

from runbook_operator import __version__
from tests.e2e.harness import Cluster
from tools.release import MAKERS, SUMS

ROOT = Path(__file__).resolve().parents[2]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
PACKAGES = [one for one in LOCK["package"] if one["source"] != {"editable": "."}]
SOURCES = ("operator", "crds", "charts", "examples", "tools", "lab")
FILES = ("pyproject.toml", "uv.lock", "README.md", "LICENSE", "CHANGELOG.md")
ALLOWED = {
    "Apache-2.0": "ours",
    "MIT": "asks for its notice only, which the package's own metadata carries",
    "MIT-0": "asks for nothing",
    "MIT-CMU": "as MIT",
    "0BSD": "asks for nothing",
    "CC0-1.0": "asks for nothing",
    "Zlib": "asks that changed sources say so, and nobody changes them",
    "BSD-2-Clause": "as MIT",
    "BSD-3-Clause": "as MIT",
    "PSF-2.0": "Python's own, as MIT",
    "MPL-2.0": "asks for the source of its own files where they are changed, and nobody changes them",
}
"""Why software under the licence may be a part of what is given away under Apache-2.0, or be used to test it."""
SPELT = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""As classifiers and older packages spell it."""
NO_LICENCE = {"DFSG approved", "OSI Approved"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of this checkout."""
    return released(ROOT, tmp_path_factory.mktemp("dist"))


def released(checkout: Path, folder: Path, *, umask: int = 0o022) -> Path:
    command = [sys.executable, "-m", "tools.release", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    subprocess.run(command, cwd=checkout, umask=umask, env=environment, check=True, capture_output=True)
    return folder


def test_release_has_every_file_and_all_checksums(dist: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", SUMS], cwd=dist, check=True, capture_output=True, text=True)

    assert sorted(line.partition(":")[0] for line in done.stdout.splitlines()) == [
        "crds.yaml",
        "install.yaml",
        f"runbook-operator-{__version__}.cdx.json",
        f"runbook-operator-{__version__}.tgz",
        f"runbook_operator-{__version__}-py3-none-any.whl",
    ]
    assert len(list(dist.iterdir())) == len(MAKERS) + 1


def test_another_checkout_builds_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for name in SOURCES:
        left = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(ROOT / name, copy / name, ignore=left, copy_function=shutil.copyfile)
    for name in FILES:
        shutil.copyfile(ROOT / name, copy / name)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))

    again = released(copy, tmp_path / "dist", umask=0o077)

    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in dist.iterdir()
    }


def test_wheel_contains_exactly_the_operator(dist: Path) -> None:
    (path,) = dist.glob("*.whl")
    wanted = {
        str(one.relative_to(ROOT / "operator"))
        for one in (ROOT / "operator" / "runbook_operator").rglob("*")
        if one.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in one.parts)
    }

    names = set(zipfile.ZipFile(path).namelist())

    about = f"runbook_operator-{__version__}.dist-info"
    assert {name for name in names if not name.startswith(about)} ^ wanted == set()
    assert f"{about}/licenses/LICENSE" in names


def test_wheel_installs_and_its_command_runs(dist: Path, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "install", "--quiet", "--offline", "--no-deps", "--target", str(tmp_path), str(wheel)]
    subprocess.run(command, check=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    script = [sys.executable, str(tmp_path / "bin" / "runbook-operator"), "--version"]
    where = [sys.executable, "-c", "import runbook_operator; print(runbook_operator.__file__)"]

    version, file = (
        subprocess.run(one, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout.strip()
        for one in (script, where)
    )

    assert version == f"runbook-operator {__version__}"
    assert Path(file).is_relative_to(tmp_path)


def test_version_is_declared_once_and_in_everything_published(dist: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tarfile.open(dist / f"runbook-operator-{__version__}.tgz") as archive:
        chart = archive.extractfile("runbook-operator/Chart.yaml")
        assert chart is not None
        about = yaml.safe_load(chart)
    manifests = (dist / "install.yaml").read_text()

    assert project["version"] == __version__
    assert (about["version"], about["appVersion"]) == (__version__, __version__)
    assert set(re.findall(r"^\s+image: \"?[\w./-]+:([^\"\s]+)", manifests, re.MULTILINE)) == {__version__}
    assert re.findall(r"^ARG VERSION=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == [__version__]


def test_bill_of_materials_lists_the_locked_runtime_packages(dist: Path) -> None:
    document = json.loads((dist / f"runbook-operator-{__version__}.cdx.json").read_text())

    found = {one["name"]: one["version"] for one in document["components"]}

    locked = {one["name"]: one["version"] for one in PACKAGES}
    assert found.items() <= locked.items()
    assert {"kopf", "kubernetes", "pydantic"} <= found.keys()
    assert not {"pytest", "ruff", "hatchling"} & found.keys()


def test_api_server_accepts_the_manifests_without_helm(dist: Path, cluster: Cluster) -> None:
    documents = [one for one in yaml.safe_load_all((dist / "install.yaml").read_text()) if one]
    for one in documents:
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = cluster.namespace
    text = yaml.safe_dump_all(documents)

    said = cluster.run("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=text)

    assert len(said.splitlines()) == len(documents)
    assert documents[0]["kind"] == "Namespace"
    kinds = {one["kind"] for one in documents}
    assert {"CustomResourceDefinition", "Deployment", "ClusterRole", "ValidatingAdmissionPolicy"} <= kinds
    assert not [one for one in documents if "helm.sh/hook" in one["metadata"].get("annotations", {})]


def test_every_locked_package_comes_from_the_index_with_its_hashes() -> None:
    files = [(one["name"], file) for one in PACKAGES for file in [*one.get("wheels", []), one.get("sdist")] if file]

    assert {one["name"] for one in PACKAGES} == {name for name, _ in files}
    assert [name for name, file in files if not file.get("hash", "").startswith("sha256:")] == []
    assert {tuple(one["source"]) for one in PACKAGES} == {("registry",)}


def licences(name: str) -> set[str]:
    """By the one spelling; of an `A OR B` both."""
    about = metadata.metadata(name)
    classifiers = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License")]
    said = about.get_all("License-Expression") or classifiers or about.get_all("License") or []
    names = {part for text in said for part in re.split(r" (?:AND|OR) ", text)}
    return {SPELT.get(one, one) for one in names - NO_LICENCE}


def test_every_licence_is_redistributable() -> None:
    installed = {re.sub(r"[-_.]+", "-", one.name).lower() for one in metadata.distributions()}
    found = {one["name"]: licences(one["name"]) for one in PACKAGES if one["name"] in installed}

    assert {name: more for name, said in found.items() if not said or (more := said - ALLOWED.keys())} == {}
    # Nothing but what another system would need is left out.
    assert {one["name"] for one in PACKAGES} - found.keys() <= {"colorama"}


@contextmanager
def osv(*vulnerable: str) -> Iterator[str]:
    """A service that speaks OSV's protocol and knows of one vulnerability in each of these packages."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            known = [{"vulns": [{"id": "OSV-1"}]} if q["package"]["name"] in vulnerable else {} for q in queries]
            self._answer({"results": known})

        def do_GET(self) -> None:
            self._answer({"id": "OSV-1", "modified": "2026-01-01T00:00:00Z", "summary": "made up by a test"})

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the parent's name
            """Say nothing."""

        def _answer(self, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def audited(service: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tools.audit", "--service", service]
    environment = os.environ | {"UV_HTTP_RETRIES": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_audit_reports_known_vulnerabilities_and_fails_without_an_answer() -> None:
    with osv() as service:
        assert audited(service)[0] == 0
    with osv("idna") as service:
        status, said = audited(service)
        assert (status, "OSV-1" in said, "idna" in said) == (1, True, True), said

    status, said = audited(service)

    assert status == 2
    assert "could not be asked, so that nothing is known about the locked packages" in said
