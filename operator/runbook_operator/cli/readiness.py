"""Readiness: the problems that keep a replica from carrying out a throw or from taking over leadership."""

from runbook_operator.cache.namespace_coverage import Coverage
from runbook_operator.controller.kopf_watches import Watch
from runbook_operator.leadership.leader import Leadership

SILENCE = 10.0
"""Seconds without a response to the lease's requests after which a replica is not ready."""


def unready(watch: Watch | None, coverage: Coverage, elector: Leadership) -> list[str]:
    """Return a sentence per problem. A namespace that is not served is no problem while another one is served."""
    problems = []
    if watch is not None and watch.alive() < watch.expected:
        problems.append(f"{watch.alive()} of {watch.expected} watches are open; the operator opens the others again")
    if not coverage.begun:
        problems.append("the first list of all objects is not complete yet")
    elif not any(map(coverage.serves, coverage.every)):
        problems += coverage.warnings()
    silent = elector.monotonic() - elector.contact
    if silent > SILENCE:
        problems.append(f"the API server has not answered a request for the lease for {silent:.0f} s")
    return problems
