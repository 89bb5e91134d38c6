"""The control plane's command lines, and the files that they name."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.layout import ADVERTISED, POD_RANGE, SECURE_PORT, SERVICE_RANGE, Layout

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}],
}


@dataclass(frozen=True)
class Part:
    """One process of the lab and its command."""

    name: str
    command: list[str]


def parts(layout: Layout, programs: dict[str, list[str]]) -> list[Part]:
    """The parts to start, in this order; `programs` says how each is called and leaves out what there is not."""
    known = [
        Part("etcd", _etcd(layout)),
        Part("kube-apiserver", _apiserver(layout)),
        Part("kube-controller-manager", _controllers(layout)),
        Part("kube-scheduler", _scheduler(layout)),
    ]
    return [Part(p.name, [*programs[p.name], *p.command]) for p in known if p.name in programs]


def certificate(layout: Layout) -> Path:
    """That of the API server, which it signs itself and everybody trusts."""
    return layout.data / "pki" / "apiserver.crt"


def has_certificate(layout: Layout) -> bool:
    """Whether it is there as a whole: the API server writes the key to it after it, and either while others look."""
    return certificate(layout).with_suffix(".key").exists()


def write_configuration(layout: Layout) -> None:
    """The files that the command lines name."""
    layout.data.mkdir(parents=True, exist_ok=True)
    layout.log.mkdir(parents=True, exist_ok=True)
    (layout.data / "audit.json").write_text(json.dumps(AUDIT_POLICY))


def internal_kubeconfig(layout: Layout, user: str) -> Path:
    return layout.data / f"{user.rpartition(':')[2]}.kubeconfig"


def _etcd(layout: Layout) -> list[str]:
    return [
        f"--data-dir={layout.data / 'etcd'}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _apiserver(layout: Layout) -> list[str]:
    pki = layout.data / "pki"
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        f"--secure-port={SECURE_PORT}",
        f"--advertise-address={ADVERTISED}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--cert-dir={pki}",
        f"--token-auth-file={pki / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-account.key'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--audit-policy-file={layout.data / 'audit.json'}",
        f"--audit-log-path={layout.log / 'audit.log'}",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _controllers(layout: Layout) -> list[str]:
    pki = layout.data / "pki"
    return [
        f"--kubeconfig={internal_kubeconfig(layout, 'system:kube-controller-manager')}",
        f"--service-account-private-key-file={pki / 'service-account.key'}",
        f"--root-ca-file={certificate(layout)}",
        f"--cert-dir={layout.data / 'controller-manager'}",
        f"--cluster-cidr={POD_RANGE}",
        "--use-service-account-credentials=true",
        f"--flex-volume-plugin-dir={layout.data / 'volume-plugins'}",
        "--leader-elect=false",
        # Every test has workloads of its own: by the usual 20 requests a second they would wait for each other.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def _scheduler(layout: Layout) -> list[str]:
    return [
        f"--kubeconfig={internal_kubeconfig(layout, 'system:kube-scheduler')}",
        f"--cert-dir={layout.data / 'scheduler'}",
        "--leader-elect=false",
    ]
