"""Build the kubectl commands that grant a missing right, ready to paste."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

from runbook_operator.core.accounts import PREFIX, Account
from runbook_operator.core.rbac_rules import Right

IMPERSONATION = "runbook-operator-impersonation"
"""The ClusterRole that lets the operator act as service accounts."""
GENERAL = (
    "Grant the operator's service account the verb in the message, or change the policy of the cluster that refuses it."
)
_REFUSAL = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


def advice(message: str, namespace: str = "", *, scoped: bool = False) -> str:
    """Return the advice that fixes a 403, from the message of the API server.

    `namespace` is the namespace of the account under which the request was sent; `scoped` is passed to `commands`. From
    Kubernetes 1.36 on, the verb of a refused impersonation includes the request, such as
    `impersonate-on:serviceaccount:patch`.
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
    """Return a short sentence with the user and the missing right; any other message is returned unchanged."""
    found = _REFUSAL.search(message)
    if found is None or found["verb"].startswith("impersonate"):
        return message
    group = f" ({found['group']})" if found["group"] else ""
    where = f" in namespace {found['namespace']}" if found["namespace"] else ""
    return f"{found['user']} may not {found['verb']} {found['resource']}{group}{where}"


def refused_impersonator(message: str, account: Account) -> str:
    """Return a sentence with the user that may not act as the account; empty if the 403 is not about impersonation."""
    found = _REFUSAL.search(message)
    if found is None or not found["verb"].startswith("impersonate"):
        return ""
    return (
        f"{found['user']} may not act as the {account}: it lacks the verb impersonate on serviceaccounts in namespace "
        f"{account.namespace}"
    )


def commands(user: str, namespace: str, rights: Iterable[Right], *, scoped: bool = False) -> str:
    """Return the commands that grant the rights: one role and one binding per set of verbs.

    They grant them in the namespace only, if `user` is a service account of it or the operator is `scoped` to some
    namespaces; else in all namespaces.
    """
    by_verbs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for right in rights:
        by_verbs[right.verbs].add(_resource(right))
    return " && ".join(
        _pair(user, namespace, verbs, sorted(names), scoped=scoped) for verbs, names in sorted(by_verbs.items())
    )


def impersonation(user: str, namespace: str) -> str:
    """Return the command that lets `user`, the operator, act as the namespace's service accounts."""
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
    """Return the resource as kubectl takes it: deployments.apps/scale."""
    resource, slash, subresource = right.resource.partition("/")
    return f"{resource}.{right.group}{slash}{subresource}" if right.group else right.resource


def _subject(user: str) -> str:
    return f"--serviceaccount={user.removeprefix(PREFIX)}" if user.startswith(PREFIX) else f"--user={user}"
