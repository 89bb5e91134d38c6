"""Checks before a throw that the service account or the operator has the RBAC rights that a Runbook needs.

The message about a missing right has the commands that grant it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runbook_operator.actions.action_rights import needed
from runbook_operator.actions.rolling_restart import RIGHTS
from runbook_operator.api.conditions import Condition, find
from runbook_operator.api.runbook import KillSwitch, RunbookSpec
from runbook_operator.core import rbac_advice
from runbook_operator.core.accounts import Account
from runbook_operator.core.installation import Installation
from runbook_operator.core.queries import AccessReview, Denied, HasAccount, NeedsRead, Query, ReviewResult
from runbook_operator.core.rbac_rules import Right
from runbook_operator.core.reasons import Reason
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot

Trouble = tuple[Reason, str]
LACKING = frozenset({Reason.FORBIDDEN, Reason.ACTION_NOT_ALLOWED, Reason.ACCOUNT_NOT_FOUND})
"""Reasons about rights; each stands until the next deep check."""
SHOWN = 3
"""Maximum number of missing rights that a message names; its commands grant all of them."""


@dataclass(frozen=True)
class Need:
    """A right, the object that it is for (`namespace`, `name`), and the declaration that needs it (`use`)."""

    right: Right
    namespace: str
    name: str
    use: str
    action: str = ""
    """The action that needs it; empty for a health endpoint's probe."""

    @property
    def queries(self) -> dict[str, AccessReview]:
        """The queries of this right by verb, without those for verbs that may be missing.

        Without list or watch, the operator reads held objects again every few seconds.
        """
        spare = ("list", "watch") if self.right.of else ("watch",)
        right, where = self.right, (self.namespace, self.name)
        return {
            verb: AccessReview(verb, right.group, right.resource, *where) for verb in right.verbs if verb not in spare
        }


def reported_trouble(conditions: Sequence[Condition]) -> Trouble | None:
    """Return the reason and message of Ready if it is False for a reason about rights, else None."""
    ready = find(conditions, "Ready")
    if ready is None or ready.status != "False" or ready.reason not in LACKING:
        return None
    return Reason(ready.reason), ready.message


def of_switch(snapshot: Snapshot, entry: KillSwitch) -> Trouble | None:
    """Return the reason and message if a throw of this entry would lack rights, else None; raise NeedsRead."""
    assert snapshot.runbook and snapshot.runbook.spec  # noqa: S101, PT018 # an entry comes from a parsed Runbook
    namespace = snapshot.switch.meta.ref.namespace
    return _trouble(
        snapshot, acting_identity.declared(snapshot.runbook), list(_declared(snapshot.runbook.spec, entry, namespace))
    )


def of_runbook(snapshot: RunbookSnapshot) -> Trouble | None:
    """Return the reason and message if enforcing probes would lack rights, else None; raise NeedsRead."""
    namespace = snapshot.runbook.meta.ref.namespace
    return _trouble(
        snapshot, acting_identity.declared(snapshot.runbook), list(_probes(snapshot.runbook.spec, namespace))
    )


def _declared(spec: RunbookSpec, entry: KillSwitch, namespace: str) -> Iterator[Need]:
    for act in entry.actions:
        target = spec.target(act.target, namespace)
        for right in act.action.needs(act.spec, target):
            yield Need(right, namespace, _name(right, target), f"action {act.kind}", act.kind)


def _probes(spec: RunbookSpec | None, namespace: str) -> Iterator[Need]:
    for endpoint in spec.health_endpoints if spec else ():
        if spec and endpoint.enforce:
            target = spec.target(endpoint.target, namespace)
            for right in needed(RIGHTS, target):
                yield Need(right, namespace, _name(right, target), f"health endpoint {endpoint.name}")


def _name(right: Right, target: TargetRefs) -> str:
    """Return the name of the target's object that the right is for; empty for all objects of the kind."""
    return next((ref.name for ref in target.refs if ref.kind in right.of), "")


def _trouble(snapshot: Snapshot | RunbookSnapshot, account: Account | None, needs: list[Need]) -> Trouble | None:
    """Return the first right that the account lacks for these needs; raises NeedsRead until all are reviewed."""
    queries: set[Query] = {query for need in needs for query in need.queries.values()}
    queries |= {HasAccount(account)} if account else set()
    if needed := {one for one in queries if one not in snapshot.answers}:
        raise NeedsRead(needed, urgent=False)
    denied = next((one for query in queries if isinstance(one := snapshot.answers[query], Denied)), None)
    if denied is not None:
        return denied.reason, denied.message
    if account and not snapshot.answers[HasAccount(account)].allowed:
        return Reason.ACCOUNT_NOT_FOUND, absence(account)
    answers = {query: snapshot.answers[query] for query in queries if isinstance(query, AccessReview)}
    missing = [need for need in needs if _lacking(need, answers)]
    return _missing_rights(snapshot.policy.installation, account, missing, answers) if missing else None


def absence(account: Account) -> str:
    """Return the message about a service account that does not exist, with the command that creates it."""
    return (
        f"spec.serviceAccountName: {account} does not exist. To create it: kubectl -n {account.namespace} "
        f"create serviceaccount {account.name}"
    )


def _lacking(need: Need, answers: dict[AccessReview, ReviewResult]) -> list[str]:
    return [verb for verb, query in need.queries.items() if not answers[query].allowed]


def _missing_rights(
    installation: Installation, account: Account | None, missing: list[Need], answers: dict[AccessReview, ReviewResult]
) -> Trouble:
    words = list(dict.fromkeys(f"{', '.join(_lacking(one, answers))} {_resource(one.right)}" for one in missing))
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    user = next(answers[query].user for query in missing[0].queries.values() if not answers[query].allowed)
    who = str(account) if account else f"the operator ({user})"
    uses = ", ".join(dict.fromkeys(one.use for one in missing))
    rights = dict.fromkeys(one.right for one in missing)
    grant = rbac_advice.commands(user, missing[0].namespace, rights, scoped=installation.is_scoped)
    way = "Grant it" if account else _how_to_grant(installation, missing)
    return Reason.FORBIDDEN, f"{who} may not {'; '.join(words[:SHOWN])}{more}, for {uses}. {way}: {grant}"


def _resource(right: Right) -> str:
    return f"{right.resource} ({right.group})" if right.group else right.resource


def _how_to_grant(installation: Installation, missing: list[Need]) -> str:
    """Return the way to grant it: by a value of the chart or, if its actions are set already, by a chart upgrade."""
    actions = list(dict.fromkeys(one.action for one in missing if one.action))
    if installation.actions is not None:
        return installation.renewal or "Grant it"
    value = f"add {', '.join(actions)} to rights.actions" if actions else "set rights.probes=true"
    return f"With the chart, {value}; or grant it"
