"""Limits of a failover, and the revival of a killed replica."""

from tests.e2e.harness import Operator, eventually

DEFAULTS = {"RUNBOOK_LEASE_SECONDS": "4", "RUNBOOK_RENEW_DEADLINE_SECONDS": "3", "RUNBOOK_RETRY_SECONDS": "1"}

WITHIN_SECONDS = 5.0

AFTER_SIGTERM_SECONDS = 1.0

TRIES = 5

"""A busy machine makes a takeover late now and then; what is slow by itself is late each time."""


def revive(operator: Operator) -> None:
    """Start it again, as Kubernetes does."""
    operator.wait()
    before = len(operator.log())
    operator.launch()
    eventually("it is ready", lambda: '"http"' in operator.log()[before:] and operator.is_ready())
