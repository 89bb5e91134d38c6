"""Tokens, the service-account key and kubeconfigs, made anew for each lab."""

import base64
import json
import secrets
from pathlib import Path

from lab.layout import SECURE_PORT, Layout

# user, groups: the identities that RBAC's own bootstrap roles know, and one administrator.
USERS = {
    "admin": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:node:lab-node": "system:nodes",
    "system:kube-proxy": "",
}
EC_PREFIX = bytes.fromhex("30310201010420")
EC_SUFFIX = bytes.fromhex("a00a06082a8648ce3d030107")


def service_account_key() -> str:
    """A P-256 private key as PEM: RFC 5915 with the public point left out, which the reader computes."""
    # Below the group's order with a probability of 1 - 2**-32: the first byte keeps it there for certain.
    scalar = bytes([secrets.randbelow(0xFF)]) + secrets.token_bytes(31)
    text = base64.encodebytes(EC_PREFIX + scalar + EC_SUFFIX).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"


def write(layout: Layout) -> dict[str, str]:
    """Write the key and the token file once; returns the token of each user."""
    pki = layout.data / "pki"
    pki.mkdir(parents=True, exist_ok=True, mode=0o700)
    tokens_file = pki / "tokens.csv"
    if not tokens_file.exists():
        (pki / "service-account.key").write_text(service_account_key())
        lines = (f'{secrets.token_hex(16)},{user},{user},"{groups}"' for user, groups in USERS.items())
        tokens_file.write_text("\n".join(lines) + "\n")
    return {line.split(",")[1]: line.split(",")[0] for line in tokens_file.read_text().splitlines()}


def kubeconfig(token: str, authority: Path, port: int = SECURE_PORT) -> str:
    """A kubeconfig as JSON, which is YAML; the certificate is the one the API server made for localhost."""
    cluster = {
        "server": f"https://localhost:{port}",
        "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode(),
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "runbook-lab",
            "clusters": [{"name": "runbook-lab", "cluster": cluster}],
            "users": [{"name": "lab", "user": {"token": token}}],
            "contexts": [{"name": "runbook-lab", "context": {"cluster": "runbook-lab", "user": "lab"}}],
        },
        indent=1,
    )
