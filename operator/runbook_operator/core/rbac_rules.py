"""What the operator must be allowed in the cluster: the rules of a ClusterRole."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """Verbs on one resource: `resource` is a plural, with its subresource after a slash; `group` is empty for core.

    Where it is `of` some kinds, only who acts on one of them needs it; without one that is `optional` less is known,
    and nothing fails.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    of: tuple[str, ...] = ()
    optional: bool = False


READ = ("get", "list", "watch")
