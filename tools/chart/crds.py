"""crds/ as templates of the chart: what is there, behind a gate and with the release's labels.

They are no files of the chart's own crds/ folder, since Helm never upgrades those.
"""

from pathlib import Path

import yaml

GATE = "{{- if .Values.crds.enabled }}\n"
LABELS = '  labels:\n    {{- include "runbook-operator.labels" . | nindent 4 }}\n'
KEPT = "  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n"


def templates(folder: Path) -> dict[str, str]:
    """The templates by the names of their files; ValueError where a CRD cannot be one."""
    return {f"crd-{path.name}": _template(path.name, path.read_text()) for path in sorted(folder.glob("*.yaml"))}


def _template(name: str, text: str) -> str:
    if "{{" in text:
        raise ValueError(f"{name} has {{{{ in it, which Helm would take for a template: word the description otherwise")
    metadata = yaml.safe_load(text)["metadata"]
    if set(metadata) != {"name"}:
        raise ValueError(f"{name} has metadata beside its name, which the template would lose: {sorted(metadata)}")
    head, named, body = text.partition(f"  name: {metadata['name']}\n")
    return f"{GATE}{head}{named}{LABELS}{KEPT}{body}{{{{- end }}}}\n"
