"""Post notices as Kubernetes Events. A name derived from the notice makes a repetition after a crash the same Event."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime

import structlog

from runbook_operator.core.core_events import core_event
from runbook_operator.core.labels import ENGAGEMENT
from runbook_operator.core.notices import Notice
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body, Kube
from runbook_operator.runtime import clock
from runbook_operator.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def report(kube: Kube, metrics: Metrics, notices: Sequence[Notice]) -> None:
    """Log, count and post notices."""
    for notice in {(notice.reason, notice.message): notice for notice in notices}.values():
        (log.warning if notice.warning else log.info)(notice.message, reason=notice.reason.value)
        metrics.notices.labels(notice.reason.value).inc()
    if notices:
        await post(kube, notices, clock.now())


async def post(kube: Kube, notices: Sequence[Notice], now: datetime) -> None:
    """Post each notice once; a notice with a count updates the count of its existing Event.

    A failure is logged and never delays a switch. It is not logged if the namespace is being deleted, which accepts no
    new Events.
    """
    await asyncio.gather(*(_post(kube, notice, now) for notice in notices))


async def _post(kube: Kube, notice: Notice, now: datetime) -> None:
    body, path = event(notice, now), f"/api/v1/namespaces/{notice.about.namespace}/events"
    try:
        await _create_or_count(kube, path, body)
    except errors.ApiError as error:
        if errors.is_ending(error):
            return
        log.warning("an Event could not be posted", about=str(notice.about), reason=notice.reason, error=str(error))


async def _create_or_count(kube: Kube, path: str, body: Body) -> None:
    try:
        await kube.create(path, body)
    except errors.AlreadyExistsError:
        if body["count"] > 1:
            again = {key: body[key] for key in ("count", "lastTimestamp", "message")}
            await kube.merge(f"{path}/{body['metadata']['name']}", again)


def event(notice: Notice, now: datetime) -> Body:
    """Return the notice as an Event with a name that is derived from it."""
    about = notice.about
    digest = hashlib.sha256(f"{notice.identity} {about} {notice.uid}".encode()).hexdigest()[:16]
    annotations = {ENGAGEMENT: notice.engagement} if notice.engagement else {}
    metadata = {"name": f"{about.name[:200]}.{digest}", "namespace": about.namespace, "annotations": annotations}
    return core_event(notice, metadata, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
