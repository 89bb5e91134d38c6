"""A right of the operator in the cluster, as a rule of a ClusterRole has it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """Verbs on one resource: `resource` is a plural, with its subresource after a slash; `group` is empty for core.

    If it is `of` some kinds, only actions on these kinds need it. Without an `optional` right nothing fails, but the
    operator knows less.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    of: tuple[str, ...] = ()
    optional: bool = False


READ = ("get", "list", "watch")
