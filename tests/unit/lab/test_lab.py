"""The lab's rules, without a lab."""

import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from lab import build, guard, images
from lab.layout import Layout
from lab.procs import Processes, start_time


def layout_with(folder: Path, main: str = "package main") -> Layout:
    sources = folder / "lab" / "cluster"
    sources.mkdir(parents=True, exist_ok=True)
    for name, text in (("main.go", main), ("go.mod", "go 1.26"), ("go.sum", "")):
        (sources / name).write_text(text)
    return Layout(folder)


def test_it_is_compiled_again_only_when_its_sources_change(tmp_path: Path) -> None:
    layout = layout_with(tmp_path)
    assert not build.is_current(layout)
    layout.bin.mkdir(parents=True)
    layout.cluster.write_text("binary")
    (layout.bin / "cluster.sha256").write_text(build.digest(layout.sources))
    assert build.is_current(layout)

    layout_with(tmp_path, main="package other")

    assert not build.is_current(layout)


def test_progress_is_told_by_tenths() -> None:
    lines = list(build.progress((str(n) for n in range(100)), 100, 0))

    assert [line.split()[1] for line in lines] == ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90"]


@pytest.mark.parametrize(
    ("context", "server", "allowed", "refused"),
    [
        ("kind-kind", "https://10.0.0.1", "", False),
        ("minikube", "https://10.0.0.1", "", False),
        ("anything", "https://127.0.0.1:6443", "", False),
        ("payments-test", "https://10.0.0.1", "", False),
        ("production", "https://api.example.com", "", True),
        ("production", "https://api.example.com", "production", False),
        ("production", "https://api.example.com", "another", True),
    ],
)
def test_a_context_that_looks_like_production_is_refused(
    context: str, server: str, allowed: str, *, refused: bool
) -> None:
    assert bool(guard.verdict(context, server, allowed)) is refused


def test_an_image_archive_holds_what_its_manifest_names(tmp_path: Path) -> None:
    binary, target = tmp_path / "app", tmp_path / "app.tar"
    binary.write_bytes(b"program")

    images.archive(binary, ["/app"], "example/app:1", target)

    with tarfile.open(target) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        content = {name: file.read() for name, file in files.items() if file}
    manifest = json.loads(content["manifest.json"])[0]
    layer = content[manifest["Layers"][0]]
    assert manifest["RepoTags"] == ["example/app:1"]
    assert json.loads(content[manifest["Config"]])["rootfs"]["diff_ids"] == [
        "sha256:" + hashlib.sha256(layer).hexdigest()
    ]
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        assert tar.getmember("app").mode == 0o755


def test_a_process_is_known_by_its_start_and_no_other_is_stopped(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "state.json", tmp_path / "log")
    processes.note("processes", {"other": {"name": "other", "pid": os.getpid(), "started": 1}})

    processes.stop("other")
    assert start_time(os.getpid()) is not None
    assert processes.all() == {}

    waiting = [sys.executable, "-c", "import signal; signal.pause()"]
    ours = processes.start("ours", waiting)
    assert processes.alive("ours") == ours
    processes.stop("ours")
    assert not ours.alive
