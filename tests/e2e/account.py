"""The account that the chart makes for the operator: operators of tests speak as that, and so prove its rights."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from lab.layout import here

FOLDER = here().home / "e2e"
KUBECONFIG = FOLDER / "kubeconfig"
"""Made anew for each run of tests: tests/e2e/installed.py."""


def write(token: str) -> None:
    """Keep the token for operators of tests."""
    like_mine(KUBECONFIG, token)


def like_mine(path: Path, token: str) -> Path:
    """Write a kubeconfig for the cluster of whoever runs the tests, which speaks by this token; returns its path."""
    command = ["kubectl", "config", "view", "--minify", "--flatten", "--raw", "--output=json"]
    _write(path, json.loads(subprocess.check_output(command)), token.strip())
    return path


def inside(path: Path) -> Path:
    """Write one for inside of the lab's network, where the API server has another address; returns its path."""
    token = json.loads(KUBECONFIG.read_text())["users"][0]["user"]["token"]
    _write(path, json.loads((here().data / "admin.kubeconfig").read_text()), token)
    return path


def _write(path: Path, config: dict[str, Any], token: str) -> None:
    """At once, since other runs of tests read it; the user's own credentials are left out."""
    users = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({**config, "users": users}))
    fresh.rename(path)
