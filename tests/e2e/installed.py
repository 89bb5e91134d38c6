"""The packaged chart, installed by the real helm, and the account that it makes: operators of tests speak as that.

So every test of them is a test of the chart's rights too. The operators themselves are processes, since tests kill and
restart them: the chart's own has no replica here.
"""

import fcntl
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e import account
from tests.e2e.harness import Body, eventually, kubectl
from tests.e2e.release import TAKEN
from tools.chart import package
from tools.chart.schema import schema
from tools.chart.values import values_model

RELEASE, NAMESPACE = "e2e", "runbook-e2e"
FULLNAME = f"{RELEASE}-runbook-operator"
AGGREGATE = "rbac.runbooks.dev/aggregate-to-operator"
EXPIRY = "--duration=24h"
ADDED: Body = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": f"{RELEASE}-added", "labels": {AGGREGATE: FULLNAME}},
    "rules": [
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "verbs": ["get", "list", "create", "update", "delete"],
        },
        {"apiGroups": ["apps"], "resources": ["replicasets/scale"], "verbs": ["get", "patch"]},
    ],
}
"""What an administrator adds by aggregation.

The chart gives the right to leases in the release's namespace, and each test has its own in its own namespace. Nor
does it let anybody scale what only tests scale: a bare ReplicaSet, as a kind that is not watched unless it is held.
"""


@contextmanager
def alone(what: str = "lock") -> Iterator[None]:
    """One at a time on this machine: workers of one run, and runs beside each other."""
    account.FOLDER.mkdir(parents=True, exist_ok=True)
    with (account.FOLDER / what).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(folder: Path) -> None:
    """Install or upgrade the release with every right there is; returns when the account has them."""
    # A run that was ended in the middle leaves a record for whose end helm would wait.
    kubectl("delete", "secrets", "--namespace", NAMESPACE, "--selector", f"owner=helm,name={RELEASE},status!=deployed")
    chart = package.package(folder)
    values = ["--values=-", "--create-namespace", "--history-max=2"]
    command = ["helm", "upgrade", "--install", RELEASE, str(chart), "--namespace", NAMESPACE, *TAKEN, *values]
    done = subprocess.run(command, input=json.dumps(everything()), text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(ADDED))
    eventually("the account has its rights", lambda: has_rights(FULLNAME))
    account.write(kubectl("create", "token", FULLNAME, "--namespace", NAMESPACE, EXPIRY))


def everything() -> Body:
    """Values with every right switched on, and with no replica.

    The policies are left out: they know one operator, and some tests here have one of another account. Those that are
    about policies have them for their own namespaces.
    """
    rights = _all(schema(values_model())["properties"]["rights"])
    return {"replicas": 0, "rights": rights, "admission": {"enabled": False}}


def _all(part: Body) -> Body:
    found: Body = {}
    for name, one in part["properties"].items():
        if one["type"] == "object":
            found[name] = _all(one)
        elif one["type"] == "boolean":
            found[name] = True
        elif "enum" in one["items"]:
            found[name] = one["items"]["enum"]
    return found


def has_rights(fullname: str) -> bool:
    """Whether the controller that aggregates has seen all roles of this release."""
    parts = json.loads(kubectl("get", "clusterroles", "--selector", f"{AGGREGATE}={fullname}", "-o", "json"))["items"]
    given = json.loads(kubectl("get", "clusterrole", fullname, "-o", "json")).get("rules") or []
    return bool(parts) and all(rule in given for part in parts for rule in part["rules"])
