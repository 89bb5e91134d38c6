"""Permissions that an action needs: the rules of its ClusterRole."""

from collections.abc import Iterable

from runbook_operator.core.rbac_rules import READ, Right
from runbook_operator.core.target_kinds import TargetRefs

__all__ = ["CHANGE", "OWN", "READ", "Right", "needed"]

CHANGE = (*READ, "patch")
OWN = (*READ, "create", "patch", "delete")


def needed(rights: Iterable[Right], target: TargetRefs) -> tuple[Right, ...]:
    """Return the rights that are required for this target: not the optional ones, nor those for other kinds."""
    kinds = {ref.kind for ref in target.refs}
    return tuple(one for one in rights if not one.optional and (not one.of or not kinds.isdisjoint(one.of)))
