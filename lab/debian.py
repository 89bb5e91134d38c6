"""Debian's packages of programs that the lab starts and does not compile."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path


def missing(what: str, needed: Mapping[str, str]) -> str:
    """One sentence on what keeps this machine from having it, empty where nothing does; installs what apt can.

    `needed` maps each program to the package that brings it.
    """
    if platform.system() != "Linux" or os.geteuid() != 0:
        return f"{what} needs Linux and root"
    packages = sorted({package for program, package in needed.items() if not shutil.which(program)})
    if not packages:
        return ""
    if not shutil.which("apt-get"):
        return f"{what} needs the programs of {', '.join(packages)}, and there is no apt-get to install them"
    print(f"lab: installing Debian's packages for {what}: {' '.join(packages)}", flush=True)
    return "" if _install(packages) else f"apt-get could not install {', '.join(packages)}"


def _install(packages: list[str]) -> bool:
    # Programs are wanted and no service: a containerd of the system's own would only be in the way.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    try:
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False, stdout=subprocess.DEVNULL)
        return subprocess.run(install, env=environment, check=False, stdout=subprocess.DEVNULL).returncode == 0
    finally:
        if ours:
            policy.unlink()
