"""Generate ClusterRoles from declared rights: a small base role, and an optional role per action, source and feature.

It also generates the roles for people: to read Runbooks, to write them, and to throw their switches.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runbook_operator import sources
from runbook_operator.actions import REGISTRY as ACTIONS
from runbook_operator.actions.action_rights import CHANGE, READ, Right
from runbook_operator.actions.rolling_restart import RIGHTS
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.core.rbac_advice import IMPERSONATION
from runbook_operator.core.references import GROUP

Role = dict[str, Any]
PREFIX = "runbook-operator"
PODS = f"{PREFIX}-sensing-pods"
SECRETS = f"{PREFIX}-sensing-secrets"
SHARDS = f"{PREFIX}-shards"
AGGREGATE = f"rbac.{GROUP}/aggregate-to-operator"
"""Label by which administrators can add their own roles to the operator's rights."""
PEOPLE = "rbac.authorization.k8s.io/aggregate-to-"
"""Prefix of the labels by which Kubernetes aggregates roles into view, edit and admin."""
IMPERSONATING = (
    "Lets the operator act as service accounts (spec.serviceAccountName). Bind it with a RoleBinding in each namespace "
    "where it may do so; a ClusterRoleBinding gives it every right of every service account."
)
OPERATORS: Mapping[str, str] = {AGGREGATE: "true"}
BASE = (
    Right("", "services", READ),
    Right("discovery.k8s.io", "endpointslices", ("list", "watch")),
    Right("apps", "deployments", READ),
    Right("apps", "statefulsets", READ),
    Right("coordination.k8s.io", "leases", ("get", "create", "update")),
    Right("", "events", ("create", "patch")),
)
"""Rights that every installation needs, in addition to those to the registered kinds."""

MONITORING = (
    (PODS, Right("", "pods", ("list", "watch")), "For checks that send a request to each ready pod of a Service."),
    (SECRETS, Right("", "secrets", ("get",)), "For checks with headers or certificate authorities from Secrets."),
)
SHARING = Right("coordination.k8s.io", "leases", ("list", "delete"))
"""Right that sharded replicas need in addition to the base: to list each other, and to remove dead replicas."""
PROBES = (
    Right(GROUP, "runbooks", ("patch",)),
    Right("apps", "replicasets", READ),
    Right("apps", "controllerrevisions", READ),
    *RIGHTS,
)
"""Rights for enforced health endpoints: to mark the Runbook, change the workload, and read its old revisions."""
GITOPS = "For keeping Flux and Argo CD from undoing what a switch holds; not needed where spec.gitOps is Ignore."
ROLES: Mapping[str, tuple[str, tuple[str, ...], tuple[Right, ...]]] = {
    "runbook-viewer": ("May read Runbooks, Switches, Incidents and Events.", ("view",), ()),
    "runbook-editor": (
        "May write Runbooks: what is watched, and what switches do. Throwing a switch needs switch-operator.",
        ("edit", "admin"),
        (),
    ),
    "switch-operator": (
        "May throw and release switches, open and answer incidents, and read Runbooks; writes no Runbook or status.",
        ("edit", "admin"),
        (Right("", "events", READ),),
    ),
    "incident-responder": (
        "May open, acknowledge and resolve incidents, and read Runbooks, Switches and Events; throws no switch.",
        ("edit", "admin"),
        (Right("", "events", READ),),
    ),
}
"""Roles for people: the text, the roles of Kubernetes that aggregate it, and rights that no kind grants."""
NEVER_HELD = frozenset(
    {
        *("pods", "secrets", "events", "jobs", "replicasets", "controllerrevisions"),
        *("canaries", "namespaces", "poddisruptionbudgets"),
    }
)
"""Resources that actions only read, or create themselves."""


def roles() -> list[Role]:
    """Return the operator's roles: the base, then one per action by name, then GitOps, checks, sources and others."""
    own = (right for kind in RESOURCE_KINDS.values() for right in kind.operator_rights())
    base = _role(PREFIX, [*own, *BASE], "What the operator needs for every switch.")
    actions = (
        _role(f"{PREFIX}-action-{kind.lower()}", action.rights, f"For the action {kind}.")
        for kind, action in sorted(ACTIONS.items())
    )
    sensing = (_role(name, (right,), text) for name, right, text in MONITORING)
    numbers = (
        _role(f"{PREFIX}-source-{kind}", source.rights, f"For metrics that are read from {kind}.")
        for kind, source in sorted(sources.REGISTRY.items())
        if source.rights
    )
    probes = _role(f"{PREFIX}-probes", PROBES, "For health endpoints with enforce: true.")
    accounts = _role(IMPERSONATION, [Right("", "serviceaccounts", ("get", "impersonate"))], IMPERSONATING, {})
    gitops = _role(f"{PREFIX}-gitops", _guards(), GITOPS)
    shards = _role(SHARDS, [SHARING], "For replicas that share the work.")
    return [base, *actions, gitops, *sensing, *numbers, probes, shards, accounts]


def people() -> list[Role]:
    """Return the roles for people, aggregated into Kubernetes' own roles; none of them may write a status.

    Each kind grants its own verbs. Raises ValueError if a kind grants verbs to a role that is not in ROLES.
    """
    unknown = {name for kind in RESOURCE_KINDS.values() for name in kind.people} - ROLES.keys()
    if unknown:
        raise ValueError(f"a kind grants verbs to {', '.join(sorted(unknown))}, which is no role: add it to ROLES")
    return [
        _role(name, [*_granted(name), *more], text, {f"{PEOPLE}{part}": "true" for part in parts})
        for name, (text, parts, more) in ROLES.items()
    ]


def _granted(role: str) -> Iterator[Right]:
    """Yield the rights of a role for people to the registered kinds."""
    for kind in RESOURCE_KINDS.values():
        yield from (Right(GROUP, kind.plural, verbs) for verbs in kind.people.get(role, ()))


def _guards() -> list[Right]:
    """Return the rights to annotate what actions hold (a patch of the object itself), and to change Applications."""
    every = (right for action in ACTIONS.values() for right in action.rights)
    held = {(right.group, right.resource) for right in every if "/" not in right.resource and "get" in right.verbs}
    marked = [Right(group, resource, ("patch",)) for group, resource in sorted(held) if resource not in NEVER_HELD]
    return [*marked, Right("argoproj.io", "applications", CHANGE)]


def _role(name: str, rights: Iterable[Right], text: str, labels: Mapping[str, str] = OPERATORS) -> Role:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": dict(labels), "annotations": {f"{GROUP}/description": text}},
        "rules": _rules(rights),
    }


def _rules(rights: Iterable[Right]) -> list[dict[str, list[str]]]:
    """Return rules in a fixed order, each with all resources that share a group and verbs."""
    by_verbs: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for right in rights:
        by_verbs[(right.group, right.verbs)].add(right.resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": list(verbs)}
        for (group, verbs), resources in sorted(by_verbs.items())
    ]
