"""Two namespaces of different shards, and the objects that wait for a visit of a replica."""

from runbook_operator.cli import run
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import shard_of
from tests.builders import Body

TEAMS = {shard_of(f"team-{number}", 8): f"team-{number}" for number in range(60)}
"""A namespace of each of eight shards."""
MINE, OTHER = TEAMS[2], TEAMS[5]


def within(namespace: str, body: Body) -> Body:
    """The body, in another namespace."""
    return {**body, "metadata": body["metadata"] | {"namespace": namespace}}


def waiting(operator: run.Operator) -> set[Ref]:
    """The objects that wait for a visit."""
    return {*operator.queue._ready, *operator.queue._urgent}
