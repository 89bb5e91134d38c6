"""A real node: kubelet, containerd, runc, a CNI bridge and kube-proxy, in the lab's own namespaces."""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from lab import build, debian, images
from lab.layout import ADVERTISED, POD_RANGE, Layout
from lab.plane import Part, internal_kubeconfig

NAME = "lab-node"
POD_SUBNET = "10.244.0.0/24"
CNI_PLUGINS = Path("/usr/lib/cni")
APP_IMAGE = "runbooks.dev/demo-app:1.0"
PAUSE_IMAGE = "runbooks.dev/pause:1.0"
# What is looked for, and the Debian package that brings it.
NEEDED = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    str(CNI_PLUGINS / "bridge"): "containernetworking-plugins",
}


def missing() -> str:
    """One sentence on what keeps this machine from having a node, empty where nothing does; installs what apt can."""
    return debian.missing("a node", NEEDED)


def write_configuration(layout: Layout) -> None:
    """The files that the node's command lines name."""
    for folder in (_run(layout), _data(layout) / "net.d"):
        folder.mkdir(parents=True, exist_ok=True)
    (_data(layout) / "containerd.toml").write_text(_containerd_config(layout))
    (_data(layout) / "net.d" / "10-lab.conflist").write_text(json.dumps(_cni_config(), indent=1))
    (_data(layout) / "kubelet.json").write_text(json.dumps(_kubelet_config(layout), indent=1))
    proxy, text = _data(layout) / "kube-proxy.json", json.dumps(_proxy_config(layout), indent=1)
    # One that runs ends at any write of its file, also of what is in it already.
    if not proxy.exists() or proxy.read_text() != text:
        proxy.write_text(text)


def parts(layout: Layout) -> list[Part]:
    """The node's processes, in the order in which they start."""
    cluster, data = str(layout.cluster), _data(layout)
    kubelet = [
        *(cluster, "kubelet", f"--config={data / 'kubelet.json'}"),
        f"--kubeconfig={internal_kubeconfig(layout, 'system:node:lab-node')}",
        f"--root-dir={_run(layout) / 'kubelet'}",
        f"--cert-dir={data / 'kubelet-pki'}",
        f"--hostname-override={NAME}",
        f"--node-ip={ADVERTISED}",
    ]
    return [
        Part("containerd", ["containerd", "--config", str(data / "containerd.toml")]),
        Part("kubelet", kubelet),
        Part("kube-proxy", [cluster, "kube-proxy", f"--config={data / 'kube-proxy.json'}"]),
    ]


def socket(layout: Layout) -> Path:
    return _run(layout) / "containerd.sock"


def make_images(layout: Layout) -> list[Path]:
    """Compile the demo app where its source changed, and make its image and the pause image; returns the archives."""
    source, folder = layout.checkout / "examples" / "app", layout.home / "images"
    folder.mkdir(parents=True, exist_ok=True)
    binary = folder / "app"
    environment = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    command = [build.go(layout), "build", "-trimpath", "-ldflags", "-s -w", "-o", str(binary), "."]
    subprocess.run(command, cwd=source, env=environment, check=True)
    wanted = {"app.tar": (["/app"], APP_IMAGE), "pause.tar": (["/app", "pause"], PAUSE_IMAGE)}
    for file, (entrypoint, name) in wanted.items():
        images.archive(binary, entrypoint, name, folder / file)
    return [folder / file for file in wanted]


def ctr(layout: Layout, *arguments: str) -> list[str]:
    """A command to containerd, to be run inside the namespace."""
    return ["ctr", "--address", str(socket(layout)), "--namespace", "k8s.io", *arguments]


def clean(layout: Layout) -> None:
    """Remove what outlives the processes: the runtime folder, empty cgroups, and a folder that only we needed."""
    shutil.rmtree(_run(layout), ignore_errors=True)
    for cgroup in Path("/sys/fs/cgroup").glob("*/k8s.io"):
        _remove_if_empty(cgroup)
    # Removing a folder that another lab has hidden in its own namespace would uncover it there.
    if not any(layout.runtime.parent.glob("runbook-lab-*")):
        _remove_if_empty(Path("/var/lib/cni"))


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _data(layout: Layout) -> Path:
    return layout.data / "node"


def _run(layout: Layout) -> Path:
    """Sockets and mounts: below a short path, which the end of the lab removes."""
    return layout.runtime


def _containerd_config(layout: Layout) -> str:
    run, data = _run(layout), _data(layout)
    return f"""
version = 2
root = "{run / "containerd"}"
state = "{run / "containerd-state"}"
[grpc]
  address = "{socket(layout)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PLUGINS}"
    conf_dir = "{data / "net.d"}"
"""


def _cni_config() -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": POD_SUBNET}]],
            # Services and the API server are beyond the pods' own network.
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-addresses",
        },
    }
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge]}


def _kubelet_config(layout: Layout) -> dict[str, object]:
    """Whoever reaches the kubelet is inside the lab's own namespace, so it asks nobody who they are."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{socket(layout)}",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "failCgroupV1": False,
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "resolvConf": "",
        "fileCheckFrequency": "5s",
        "nodeStatusUpdateFrequency": "4s",
        "volumePluginDir": str(_run(layout) / "volume-plugins"),
        "podLogsDir": str(_run(layout) / "pod-logs"),
    }


def _proxy_config(layout: Layout) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(internal_kubeconfig(layout, "system:kube-proxy"))},
        "mode": "iptables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NAME,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
