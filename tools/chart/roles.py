"""The operator's ClusterRoles as a template of the chart, from what the code says it needs."""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from runbook_operator import sources
from runbook_operator.actions import REGISTRY
from runbook_operator.api.rbac_generation import AGGREGATE, PODS, PREFIX, SECRETS, SHARDS, people, roles
from runbook_operator.core.rbac_advice import IMPERSONATION

Role = dict[str, Any]
FULLNAME = '{{ include "runbook-operator.fullname" . }}'
LEASES = "coordination.k8s.io"
"""Left out of the roles: the chart gives leases in the release's namespace, and no others."""
SHARED = ".Values.rights.shared"
GATES = {
    PREFIX: "",
    f"{PREFIX}-gitops": ".Values.rights.gitops",
    PODS: ".Values.rights.checks.pods",
    SECRETS: ".Values.rights.checks.secrets",
    f"{PREFIX}-probes": ".Values.rights.probes",
    IMPERSONATION: SHARED,
    **{role["metadata"]["name"]: SHARED for role in people()},
    **{f"{PREFIX}-action-{kind.lower()}": f'has "{kind}" .Values.rights.actions' for kind in REGISTRY},
    **{f"{PREFIX}-source-{kind}": f'has "{kind}" .Values.rights.sources' for kind in sources.REGISTRY},
}
"""By which value each role is given; a role that is not here has none, and nobody could have it."""


def template() -> str:
    """All roles, each behind its gate: those that are aggregated to the operator's own, and those for people."""
    documents = (_document(role) for role in [*roles(), *people()] if role["metadata"]["name"] != SHARDS)
    return "{{- if .Values.rights.create }}\n" + "".join(documents) + "{{- end }}\n"


def _document(role: Role) -> str:
    name = role["metadata"]["name"]
    if name not in GATES:
        raise ValueError(f"no value of the chart gives the role {name}: add one, and its gate in tools/chart/roles.py")
    text = f"---\n{_body(role)}"
    gate = GATES[name]
    return f"{{{{- if {gate} }}}}\n{text}{{{{- end }}}}\n" if gate else text


def _body(role: Role) -> str:
    rules = yaml.safe_dump({"rules": list(_rules(role["rules"]))}, sort_keys=False, width=110)
    annotations = yaml.safe_dump(role["metadata"]["annotations"], width=1000)
    return (
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: ClusterRole\n"
        "metadata:\n"
        f"  name: {_name(role)}\n"
        "  labels:\n"
        '    {{- include "runbook-operator.labels" . | nindent 4 }}\n'
        f"{''.join(_labels(role))}"
        "  annotations:\n"
        f"    {annotations}"
        f"{rules}"
    )


def _name(role: Role) -> str:
    """Roles that go to the operator of one release are called after that."""
    name: str = role["metadata"]["name"]
    if GATES[name] == SHARED:
        return name
    return FULLNAME + (name.removeprefix(PREFIX) or "-base")


def _labels(role: Role) -> Iterator[str]:
    """The operator's own are for the operator of this release alone: another may have been given less."""
    for label, value in role["metadata"]["labels"].items():
        yield f"    {label}: {FULLNAME}\n" if label == AGGREGATE else f'    {label}: "{value}"\n'


def _rules(rules: Iterable[Role]) -> Iterator[Role]:
    return (rule for rule in rules if rule["apiGroups"] != [LEASES])
