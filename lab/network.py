"""The lab's own network namespace: real addresses for pods and Services, and nothing in the host's routes."""

import os
import shutil
import subprocess
from dataclasses import dataclass

from lab.layout import ADVERTISED, POD_RANGE, SERVICE_RANGE
from lab.procs import Process

# lab0 carries the API server's address and the default route, without which a Service's address is unreachable before
# any forwarding rule is asked. It is a veth, which pods need anyway: not every kernel has the dummy type. Without a
# node, the loopback answers for every pod and Service.
HIDDEN = ("/run", "/var/log", "/var/lib/cni")
COMMON = ("ip link set lo up",)
WITH_NODE = (
    "ip link add lab0 type veth peer name lab1",
    f"ip addr add {ADVERTISED}/24 dev lab0",
    "ip link set lab0 up",
    "ip link set lab1 up",
    "ip route add default dev lab0",
    # What containerd, CNI and the kubelet leave in these folders is seen in here only, and gone with the namespace.
    *(f"mkdir -p {folder} && mount -t tmpfs tmpfs {folder}" for folder in HIDDEN),
)
WITHOUT_NODE = (
    f"ip addr add {ADVERTISED}/32 dev lo",
    f"ip addr add {POD_RANGE} dev lo",
    f"ip addr add {SERVICE_RANGE} dev lo",
)


@dataclass(frozen=True)
class Namespace:
    """How to make the namespace and how to run a command in it."""

    private: tuple[str, ...]
    node: bool

    def holder(self) -> list[str]:
        """A command that makes the namespace and keeps it for as long as it runs."""
        steps = (*COMMON, *(WITH_NODE if self.node else WITHOUT_NODE), "exec sleep infinity")
        return ["unshare", *self.private, "sh", "-ec", " && ".join(steps)]

    def inside(self, holder: Process, command: list[str]) -> list[str]:
        """The command, run in the namespace that `holder` keeps."""
        user = ["--user", "--preserve-credentials"] if "--user" in self.private else []
        mount = ["--mount"] if self.node else []
        return ["nsenter", "--target", str(holder.pid), "--net", *mount, *user, *command]


def choose(*, node: bool) -> Namespace:
    """A namespace by root where we are root, else by a user namespace; raises SystemExit where neither works."""
    if os.geteuid() == 0:
        mount = ("--mount", "--propagation", "private") if node else ()
        return Namespace(("--net", *mount), node)
    private = ("--user", "--map-root-user", "--net")
    if (
        shutil.which("ip")
        and subprocess.run(["unshare", *private, "true"], capture_output=True, check=False).returncode == 0
    ):
        return Namespace(private, node=False)
    raise SystemExit(
        "lab: this machine allows no private network namespace (unshare --user --net) and has no root, or lacks `ip` "
        "(package iproute2); use CLUSTER=current with a test cluster of yours"
    )
