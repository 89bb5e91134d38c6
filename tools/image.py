"""Lays out the root of the operator's image: `python3 tools/image.py ENVIRONMENT LOCKED_SBOM TARGET`.

Run by the base's own Python while the image is built, with nothing but the standard library. What is not needed at
run time is never taken along, instead of being deleted later: no shell, no package manager, no setuid program.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

NOBODY = 65532
SBOM = "usr/share/sbom/runbook-operator.cdx.json"
# Modules that a server does not import, and extensions that link to libraries which nothing else here needs.
NOT_OF_PYTHON = re.compile(
    r"(test|tests|idlelib|tkinter|turtledemo|ensurepip|distutils|lib2to3|pydoc_data|venv|(site|dist)-packages|config-3[^/]*"
    r"|__pycache__|sitecustomize\.py|turtle\.py"
    r"|(_tkinter|_sqlite3|_dbm|_gdbm|_curses|_curses_panel|readline|nis|_test\w*|xx\w*)\.[^/]*so)(/|$)"
)
# What compilers and testers need; and the typed client of each kind of Kubernetes, twice: 60 MB. kube/client.py sends
# dict bodies, and so needs none of it.
NOT_OF_THE_ENVIRONMENT = re.compile(
    r"(^|/)(__pycache__|tests?|_virtualenv\.\w+|kubernetes/(aio/)?client/(models|api)/(?!__init__)[^/]*)(/|$)"
    r"|\.(c|h|pxd|pyx)$"
)
COMMANDS = re.compile(r"runbook-operator|python[\d.]*")
MODE_OF_TMP = 0o1777
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{NOBODY}:{NOBODY}:nonroot:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{NOBODY}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
Component = dict[str, Any]


def main() -> None:
    """Lay out the root, compile what is in it, and write down what it is made of."""
    environment, locked, root = map(Path, sys.argv[1:])
    taken = [*_python(), *_environment(environment), *_certificates()]
    libraries = sorted({library for path in taken if _is_elf(path) for library in _linked(path)})
    for path in (*taken, *libraries):
        carry(path, root)
    for name, text in ACCOUNTS.items():
        (root / name).write_text(text)
    (root / "tmp").mkdir(mode=MODE_OF_TMP)
    (root / "tmp").chmod(MODE_OF_TMP)
    _compile(root)
    packages = _packages((*taken, *libraries))
    for package in packages:
        _declare(package, root)
    _write_sbom(json.loads(locked.read_text()), packages, root)


def carry(path: Path, root: Path) -> None:
    """Copy a file to the same place below `root`, with every symbolic link on the way to it."""
    observed = Path("/")
    for part in path.parts[1:]:
        observed /= part
        if not observed.is_symlink():
            continue
        link = _below(root, observed)
        if not link.is_symlink():
            link.symlink_to(observed.readlink())
        carry(Path(os.path.normpath(observed.parent / observed.readlink() / path.relative_to(observed))), root)
        return
    shutil.copy2(path, _below(root, path), follow_symlinks=False)


def _below(root: Path, path: Path) -> Path:
    copy = root / path.relative_to("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    return copy


def _python() -> Iterator[Path]:
    """The interpreter, by every name that leads to it, and its standard library."""
    yield Path(sys.executable)
    for key in ("stdlib", "platstdlib"):
        yield from _files(Path(sysconfig.get_path(key)), NOT_OF_PYTHON)


def _environment(environment: Path) -> Iterator[Path]:
    yield environment / "pyvenv.cfg"
    yield from (path for path in (environment / "bin").iterdir() if COMMANDS.fullmatch(path.name))
    yield from _files(Path(next((environment / "lib").glob("python3.*")) / "site-packages"), NOT_OF_THE_ENVIRONMENT)


def _certificates() -> Iterator[Path]:
    """What https trusts, and the name of the distribution, which scanners look for."""
    yield from map(Path, ("/etc/ssl/certs/ca-certificates.crt", "/etc/os-release", "/etc/ld.so.cache"))
    # glibc opens it by name when a thread ends, so that no file says it is needed.
    yield from Path("/lib").glob("*-linux-gnu/libgcc_s.so.1")


def _files(folder: Path, left: re.Pattern[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = str(path.relative_to(folder))
        if not left.search(inside) and (path.is_file() or path.is_symlink()):
            yield path


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _linked(path: Path) -> Iterator[Path]:
    """The libraries that a program or a library loads when it begins, the loader itself among them."""
    said = subprocess.run(["ldd", str(path)], text=True, capture_output=True, check=False).stdout
    if "not found" in said:
        sys.exit(f"image: {path} needs what the base does not have:\n{said}")
    yield from map(Path, re.findall(r"(/\S+) \(0x", said))


def _compile(root: Path) -> None:
    """Nothing can be written when it runs. Unchecked: no other source will ever be there."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(root), "-p", "/", str(root)], check=True)


def _owners() -> dict[str, str]:
    """The Debian package of each installed file."""
    lists = Path("/var/lib/dpkg/info").glob("*.list")
    return {name: one.stem.split(":")[0] for one in lists for name in one.read_text().splitlines()}


def _packages(paths: Iterable[Path]) -> list[str]:
    """The Debian packages of the files, whose lists call a library by its place below /lib or below /usr/lib."""
    owners = _owners()
    names = {name for path in paths for name in (str(path), str(path.resolve()))}
    names |= {name.removeprefix("/usr") for name in names}
    return sorted({owners[name] for name in names if name in owners})


def _declare(package: str, root: Path) -> None:
    """Where scanners look for the packages of an image without a package manager, and the package's licence."""
    status = _below(root, Path("/var/lib/dpkg/status.d") / package)
    status.write_text(subprocess.check_output(["dpkg-query", "--status", package], text=True))
    terms = Path("/usr/share/doc") / package / "copyright"
    if terms.exists():
        carry(terms, root)


def _write_sbom(locked: Component, packages: list[str], root: Path) -> None:
    """The locked Python packages and what the base gave. Equal contents give the same document."""
    locked["components"] = [*locked["components"], *map(_debian, packages), _interpreter()]
    locked["metadata"].pop("timestamp", None)
    digest = hashlib.sha256(json.dumps(locked["components"], sort_keys=True).encode()).hexdigest()
    locked["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, digest).urn
    _below(root, Path("/") / SBOM).write_text(json.dumps(locked, indent=1) + "\n")


def _debian(package: str) -> Component:
    shape = "--showformat=${Version} ${Architecture}"
    version, architecture = subprocess.check_output(["dpkg-query", "--show", shape, package], text=True).split()
    purl = f"pkg:deb/debian/{package}@{version.replace(':', '%3A').replace('+', '%2B')}?arch={architecture}"
    return {"type": "library", "bom-ref": f"deb-{package}", "name": package, "version": version, "purl": purl}


def _interpreter() -> Component:
    version = platform.python_version()
    purl = f"pkg:generic/python@{version}"
    return {"type": "platform", "bom-ref": "python", "name": "python", "version": version, "purl": purl}


if __name__ == "__main__":
    main()
