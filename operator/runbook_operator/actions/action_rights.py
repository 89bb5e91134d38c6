"""What an action must be allowed in the cluster: the rules of its ClusterRole."""

from collections.abc import Iterable

from runbook_operator.core.rbac_rules import READ, Right
from runbook_operator.core.target_kinds import TargetRefs

__all__ = ["CHANGE", "OWN", "READ", "Right", "needed"]

CHANGE = (*READ, "patch")
OWN = (*READ, "create", "patch", "delete")


def needed(rights: Iterable[Right], target: TargetRefs) -> tuple[Right, ...]:
    """Those of the rights without which nothing can be done to this target."""
    kinds = {ref.kind for ref in target.refs}
    return tuple(one for one in rights if not one.optional and (not one.of or not kinds.isdisjoint(one.of)))
