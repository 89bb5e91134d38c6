"""From a right that is missing to the commands that grant it, as a person can paste them."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

from runbook_operator.core.accounts import PREFIX, Account
from runbook_operator.core.rbac_rules import Right

IMPERSONATION = "runbook-operator-impersonation"
"""The ClusterRole by which the operator may act in the name of service accounts."""
GENERAL = (
    "Grant the operator's service account the verb that the message names, or change what a policy of the cluster "
    "refuses."
)
_REFUSAL = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


def advice(message: str, namespace: str = "", *, scoped: bool = False) -> str:
    """What a person can do about a 403, as far as the API server's message tells.

    `namespace` is that of the account in whose name it was asked; `scoped` is as for commands. From Kubernetes 1.36 on,
    who may not act for it is told so of the request itself: cannot impersonate-on:serviceaccount:patch.
    """
    found = _REFUSAL.search(message)
    if found is None:
        return GENERAL
    user, where = found["user"], found["namespace"] or ""
    if found["verb"].startswith("impersonate"):
        here = namespace or where
        return f"To allow it, add {here} to the chart's rights.impersonation, or: {impersonation(user, here)}"
    right = Right(found["group"], found["resource"], (found["verb"],))
    return f"Grant it: {commands(user, where, [right], scoped=scoped)}"


def plain(message: str) -> str:
    """Who may not do what, where the message is of a right that is missing; else the message itself."""
    found = _REFUSAL.search(message)
    if found is None or found["verb"].startswith("impersonate"):
        return message
    group = f" ({found['group']})" if found["group"] else ""
    where = f" in namespace {found['namespace']}" if found["namespace"] else ""
    return f"{found['user']} may not {found['verb']} {found['resource']}{group}{where}"


def acting(message: str, account: Account) -> str:
    """As plain, where the operator may not act in the name of the account; empty where the message is of another."""
    found = _REFUSAL.search(message)
    if found is None or not found["verb"].startswith("impersonate"):
        return ""
    return (
        f"{found['user']} may not act as the {account}: it lacks the verb impersonate on serviceaccounts in namespace "
        f"{account.namespace}"
    )


def commands(user: str, namespace: str, rights: Iterable[Right], *, scoped: bool = False) -> str:
    """One role and its binding for each set of verbs.

    In the namespace for one of its own service accounts, and for an operator that is `scoped` to some namespaces; for
    one that serves all of them in all.
    """
    together: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for right in rights:
        together[right.verbs].add(_resource(right))
    return " && ".join(
        _pair(user, namespace, verbs, sorted(names), scoped=scoped) for verbs, names in sorted(together.items())
    )


def impersonation(user: str, namespace: str) -> str:
    """How an administrator lets `user`, who is the operator, act in the name of the namespace's service accounts."""
    return (
        f"kubectl create rolebinding {IMPERSONATION} --namespace={namespace} --clusterrole={IMPERSONATION} "
        f"{_subject(user)}"
    )


def _pair(user: str, namespace: str, verbs: tuple[str, ...], resources: list[str], *, scoped: bool) -> str:
    own = bool(namespace) and (scoped or user.startswith(f"{PREFIX}{namespace}:"))
    kind, where = ("role", f" --namespace={namespace}") if own else ("clusterrole", "")
    rule = f"--verb={','.join(verbs)} --resource={','.join(resources)}"
    name = f"runbook-{hashlib.sha256(f'{user} {rule}'.encode()).hexdigest()[:8]}"
    return (
        f"kubectl create {kind} {name}{where} {rule} && "
        f"kubectl create {kind}binding {name}{where} --{kind}={name} {_subject(user)}"
    )


def _resource(right: Right) -> str:
    """As kubectl takes it: deployments.apps/scale."""
    resource, slash, subresource = right.resource.partition("/")
    return f"{resource}.{right.group}{slash}{subresource}" if right.group else right.resource


def _subject(user: str) -> str:
    return f"--serviceaccount={user.removeprefix(PREFIX)}" if user.startswith(PREFIX) else f"--user={user}"
