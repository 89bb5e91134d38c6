"""A right of the operator in the cluster, in the form of a rule of a ClusterRole."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """Verbs on one resource: `resource` is a plural, with its subresource after a slash; `group` is empty for core.

    With `of`, only actions on these kinds need the right. Without an `optional` right nothing fails, but the operator
    has less information.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    of: tuple[str, ...] = ()
    optional: bool = False


READ = ("get", "list", "watch")
