"""The operator's image, made by buildah from the Dockerfile as it stands, without an engine or a registry.

The Dockerfile's base is an argument. Here it is a root file system of Debian's packages, since no registry is asked.
"""

import fcntl
import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import debian, node
from lab.layout import Layout
from lab.up import Lab

KEPT = 2
"""Archives of other sources that are kept when one is made: 100 MB each."""
REPOSITORY = "runbooks.dev/runbook-operator"
NEEDED = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
BASE = "localhost/runbook-base"
BASE_PACKAGES = ("python3", "python3-pip", "ca-certificates")
SUITE = "bookworm"
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CONTENTS = (
    "Dockerfile",
    ".dockerignore",
    "tools/image.py",
    "tools/uv.txt",
    "pyproject.toml",
    "uv.lock",
    "README.md",
    "LICENSE",
)


def made(layout: Layout, tree: Path | None = None) -> Path:
    """The archive of the image of the checkout, or of another source tree, made where there is none of that yet.

    Raises SystemExit where it cannot be made.
    """
    folder = _folder(layout)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        archive = folder / f"{_digest(tree or layout.checkout)}.tar"
        if not archive.exists():
            _make(layout, tree or layout.checkout, archive)
    return archive


def loaded(layout: Layout, tree: Path | None = None) -> str:
    """The same by the name under which the lab's node has it."""
    archive, lab = made(layout, tree), Lab(layout)
    name = f"{REPOSITORY}:{archive.stem}"
    with _alone(_folder(layout)):
        listing = lab.run_inside(node.ctr(layout, "images", "list", "--quiet"))
        if name not in subprocess.check_output(listing, text=True).split():
            command = lab.run_inside(node.ctr(layout, "images", "import", str(archive)))
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return name


def imported(lab: Lab, archive: Path | None) -> str:
    """Import the archive of an image into the node's containerd; the names that pods can use, one in a line.

    Raises SystemExit when there is no archive or no node.
    """
    if archive is None or not archive.is_file():
        raise SystemExit(f"lab: {archive or 'import'}: name the archive of an image, as `docker save` writes it")
    if not lab.processes.noted("node"):
        raise SystemExit("lab: the lab runs no node, and only a node has images: make lab-down, then make lab NODE=yes")
    command = lab.run_inside(node.ctr(lab.layout, "images", "import", str(archive.resolve())))
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"lab: containerd did not import {archive}: {done.stderr.strip()}")
    return "\n".join(imported_names(done.stdout))


def imported_names(printed: str) -> list[str]:
    """The images' names in the output of `ctr images import`, whose other words differ between its versions."""
    lines = (re.search(r"(?<!\()\b[\w./-]+:[\w.-]+", line) for line in printed.splitlines())
    return [found.group() for found in lines if found]


def _make(layout: Layout, tree: Path, archive: Path) -> None:
    if why := debian.missing("the image", NEEDED):
        raise SystemExit(f"lab: {why}")
    base, began = _base(layout), time.monotonic()
    print("lab: making the operator's image from the Dockerfile", flush=True)
    name = f"{REPOSITORY}:{archive.stem}"
    secret = [f"--secret=id=ca,src={path}" for path in (_certificates(),) if path.exists()]
    _build(layout, tree, [f"--build-arg=BASE={base}", *secret, f"--tag={name}"])
    for old in sorted(_folder(layout).glob("*.tar"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink()
    fresh = archive.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    _run([*_buildah(layout), "push", "--quiet", name, f"docker-archive:{fresh}:{name}"])
    fresh.rename(archive)
    # The archive is what is used; the store keeps the base for the next time.
    _run([*_buildah(layout), "rmi", "--force", name])
    size = archive.stat().st_size / 1e6
    print(f"lab: made an image of {size:.0f} MB in {time.monotonic() - began:.0f} s", flush=True)


def _base(layout: Layout) -> str:
    """The name of the base in buildah's store, made of Debian's packages where it is not there yet."""
    sources = [str(path) for path in SOURCES if path.exists()][:1]
    text = "".join(Path(path).read_text() for path in sources)
    recipe = f"{SUITE} {' '.join(BASE_PACKAGES)} {platform.machine()}\n{text}"
    name = f"{BASE}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if subprocess.run(
        [*_buildah(layout), "inspect", "--type=image", name], capture_output=True, check=False
    ).returncode:
        print(f"lab: making a base for the image of Debian's packages ({SUITE}), once: about a minute", flush=True)
        context = _folder(layout) / "base"
        context.mkdir(exist_ok=True)
        wanted = ["--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", "--dpkgopt=force-unsafe-io"]
        _run(["mmdebstrap", "--quiet", *wanted, SUITE, str(context / "root.tar"), *sources])
        (context / "Dockerfile").write_text("FROM scratch\nADD root.tar /\n")
        _build(layout, context, [f"--tag={name}"])
        (context / "root.tar").unlink()
    return name


def _build(layout: Layout, context: Path, arguments: list[str]) -> None:
    command = [*_buildah(layout), "build", "--quiet", "--isolation=chroot", "--pull-never", "--layers=false"]
    _run([*command, *arguments, str(context)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise SystemExit(f"lab: {' '.join(command)} failed:\n{done.stdout[-4000:]}")


def _buildah(layout: Layout) -> list[str]:
    """With a store of the lab's own: neither the system's images nor its settings are touched."""
    folder = _folder(layout)
    return ["buildah", "--storage-driver=vfs", f"--root={folder / 'store'}", f"--runroot={folder / 'run'}"]


def _certificates() -> Path:
    """What this machine trusts, which a network with certificates of its own has put there."""
    return Path(os.environ.get("SSL_CERT_FILE") or CERTIFICATES)


def _digest(tree: Path) -> str:
    """What the image is made of."""
    sources = sorted((tree / "operator").rglob("*.py"))
    digest = hashlib.sha256(f"{SUITE} {BASE_PACKAGES} {platform.machine()}".encode())
    for path in (*(tree / name for name in CONTENTS), *sources):
        digest.update(f"{path.relative_to(tree)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _folder(layout: Layout) -> Path:
    return layout.home / "image"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time: several workers of one test run ask for it at once."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
