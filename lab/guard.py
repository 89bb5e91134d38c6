"""Keeps the demo and the tests away from clusters that people depend on."""

import json
import os
import re
import subprocess
from urllib.parse import urlparse

HARMLESS = re.compile(r"^(kind-|k3d-|minikube|docker-desktop|rancher-desktop|colima|orbstack|microk8s)|test|dev|lab")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ALLOW = "RUNBOOK_LAB_CONTEXT"


def verdict(context: str, server: str, allowed: str) -> str:
    """Empty where the cluster may be used, else a sentence that says why not and how to allow it."""
    if allowed:
        return "" if allowed == context else f"{ALLOW} names {allowed}, but the current context is {context}"
    if HARMLESS.search(context) or urlparse(server).hostname in LOOPBACK:
        return ""
    return (
        f"the current context, {context}, does not look like a test cluster (kind, k3d, minikube, or a name with test, "
        f"dev or lab in it); if it may be used, say so: {ALLOW}={context}"
    )


def check() -> None:
    """Raises SystemExit where the current context must not be used."""
    command = ["kubectl", "config", "view", "--minify", "-o", "json"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"lab: kubectl has no current context: {done.stderr.strip()}")
    config = json.loads(done.stdout)
    context, server = config["current-context"], config["clusters"][0]["cluster"]["server"]
    if why := verdict(context, server, os.environ.get(ALLOW, "")):
        raise SystemExit(f"lab: {why}")
    print(f"lab: using the current context, {context}", flush=True)
