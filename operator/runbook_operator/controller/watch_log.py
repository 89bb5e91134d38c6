"""Replace kopf's log lines about kinds that the API server does not serve by one line that names the CRD."""

import logging
import re
from collections.abc import Iterable

import structlog

from runbook_operator.core.references import GROUP
from runbook_operator.kube.missing_crd import APPLY, described

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
REACTOR = tuple(f"kopf._core.reactor.{name}" for name in ("observation", "orchestration", "running"))
"""kopf's loggers that report a watch of a kind that is not served."""
NOT_SERVED = re.compile(r"404 page not found|could not find the requested resource")
UNRESOLVED = re.compile(r"Selector\(group='([^']+)', version='[^']+', any_name='([^']+)'\)")


class Unserved(logging.Filter):
    """Log each CRD once when kopf misses it, and once when it is served again; drop kopf's own lines and tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self.plurals: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True for every other line."""
        message = record.getMessage()
        plurals = {plural for group, plural in UNRESOLVED.findall(message) if group == GROUP}
        self._miss(plurals)
        return not plurals and NOT_SERVED.search(message) is None

    def explains(self, error: BaseException) -> bool:
        """True if a missing CRD explains the error that ended the watches."""
        return bool(self.plurals) or NOT_SERVED.search(str(error)) is not None

    def served(self) -> None:
        """Report that all kinds are watched again."""
        for plural in sorted(self.plurals):
            log.info("the CRD is served again", crd=f"{plural}.{GROUP}")
        self.plurals.clear()

    def attach(self) -> None:
        for name in REACTOR:
            logging.getLogger(name).addFilter(self)

    def detach(self) -> None:
        for name in REACTOR:
            logging.getLogger(name).removeFilter(self)

    def _miss(self, plurals: Iterable[str]) -> None:
        for plural in sorted({*plurals} - self.plurals):
            text = f"{described(plural)}; the operator serves {plural} again as soon as it is applied"
            log.warning(text, crd=f"{plural}.{GROUP}", hint=APPLY)
        self.plurals.update(plurals)
