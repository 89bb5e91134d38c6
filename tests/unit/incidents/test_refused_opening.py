"""An incident that the API server refuses to create: the operator reports it and waits before the next try."""

from dataclasses import replace
from datetime import datetime, timedelta

from runbook_operator.api.parsing import parse_runbook
from runbook_operator.core.reasons import Reason
from runbook_operator.core.write_failures import Failed, WriteHistory
from runbook_operator.incidents import opening
from runbook_operator.reconcile.snapshot import RunbookSnapshot
from runbook_operator.reconcile.steps import CreateIncident, write_key
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NOW, runbook_body

SINCE = "2026-11-24T02:59:00Z"
MINUTE = timedelta(minutes=1)
METRIC = {"name": "errors", "query": "errors", "critical": "> 10", "severity": "SEV2"}


def snapshot(now: datetime = NOW) -> RunbookSnapshot:
    """A Runbook with a Critical metric."""
    level = {"name": "errors", "level": "Critical", "since": SINCE}
    body = runbook_body(metrics=[METRIC]) | {"status": {"metrics": [level]}}
    return RunbookSnapshot(parse_runbook(body), {}, {}, now)


def refused(now: datetime = NOW) -> RunbookSnapshot:
    """As `snapshot`, after a refusal by the API server that is due again in a minute."""
    failed = Failed(Reason.FORBIDDEN, "may not create incidents", True, 1, NOW, NOW + MINUTE)
    return replace(snapshot(now), write_histories={write_key(step()): WriteHistory(failed=failed)})


def step() -> CreateIncident:
    found = opening.opening(snapshot())
    assert found is not None
    return found


def test_refused_incident_is_created_again_once_its_pause_is_over() -> None:
    assert opening.opening(refused()) is None
    assert opening.opening(refused(NOW + MINUTE)) == step()
    assert runbook_due(refused()) == NOW + MINUTE


def test_refused_incident_is_reported_with_its_name_and_the_refusal() -> None:
    assert opening.refused(snapshot()) is None
    assert opening.refused(refused()) == (
        Reason.FORBIDDEN,
        f"the Incident {step().name} could not be created, so nobody is notified: may not create incidents",
    )


def test_refusal_is_no_longer_reported_once_nothing_is_critical() -> None:
    found = refused()
    calm = replace(found, runbook=parse_runbook(runbook_body(metrics=[METRIC])))

    assert opening.refused(calm) is None
