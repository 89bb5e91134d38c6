"""Builds the leader election that the settings ask for: one leader of everything, or shards shared by replicas."""

from collections.abc import Callable

from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter, all_objects, in_shards
from runbook_operator.kube.client import Kube
from runbook_operator.leadership.lease_election import Elector, Terms
from runbook_operator.leadership.shard_election import ShardElector
from runbook_operator.runtime.work_queue import WorkQueue
from runbook_operator.settings import Settings

Leadership = Elector | ShardElector
OnChange = Callable[[ObjectFilter], None]


def leadership(settings: Settings, kube: Kube, queue: WorkQueue[Ref], began: OnChange, ended: OnChange) -> Leadership:
    """Return the elector, and make the queue hand out only keys that this replica leads.

    `began` and `ended` are called with a filter of the objects that this replica begins and ends to lead.
    """
    if settings.shards == 1:
        return Elector(kube, _terms(settings), lambda: began(all_objects), queue.pause, queue.resume)
    count = settings.shards
    shares = ShardElector(
        kube,
        _terms(settings),
        count,
        started=lambda shards: began(in_shards(shards, count)),
        stopped=lambda shards: ended(in_shards(shards, count)),
        paused=queue.pause,
        resumed=queue.resume,
        is_busy=lambda shard: any(map(in_shards({shard}, count), queue.busy)),
        finish=settings.request_timeout,
    )
    queue.limit(lambda key: shares.is_at_work(key.namespace))
    return shares


def _terms(settings: Settings) -> Terms:
    return Terms(
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=settings.identity,
        lease=settings.lease_seconds,
        renew_deadline=settings.renew_deadline_seconds,
        retry=settings.retry_seconds,
    )
