"""Check that the installed CRDs have every field of this version; the API server drops fields that they lack."""

import asyncio
from dataclasses import dataclass, field

import structlog

from runbook_operator import __version__
from runbook_operator.api.crd_compatibility import missing_fields
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.core.references import API_VERSION
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.missing_crd import APPLY

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
DOCUMENT = f"/openapi/v3/apis/{API_VERSION}"
"""The document to read: every authenticated user may read it, while CRDs need a right in the whole cluster."""
EVERY = 600.0
SHOWN = 5


@dataclass
class Crds:
    """The fields that the installed CRDs lack, by the name of the CRD."""

    kube: Kube
    missing: dict[str, list[str]] = field(default_factory=dict)

    async def run(self) -> None:
        """Check at the start and every EVERY seconds."""
        while True:
            await self.check()
            await asyncio.sleep(EVERY)

    async def check(self) -> None:
        """Check once, and log each CRD whose missing fields have changed; without an answer nothing changes."""
        try:
            found = missing_fields(await self.kube.get(DOCUMENT))
        except errors.ApiError as error:
            log.debug("cannot check the CRDs", error=str(error))
            return
        for name in sorted(found.keys() | self.missing.keys()):
            if found.get(name) != self.missing.get(name):
                _report(name, found.get(name, []))
        self.missing = found

    def cause(self, kind: str) -> str:
        """Return why objects of the kind do not settle: their CRD lacks written fields; "" if it lacks none."""
        name = RESOURCE_KINDS[(API_VERSION, kind)].crd_name
        return f"{_lacks(name, self.missing[name])}: {APPLY}" if name in self.missing else ""

    def warnings(self) -> list[str]:
        """Return a sentence for each CRD that lacks fields."""
        return [f"{_lacks(name, fields)}: {APPLY}" for name, fields in sorted(self.missing.items())]

    def count(self) -> float:
        """Return the number of missing fields."""
        return float(sum(map(len, self.missing.values())))


def _report(name: str, fields: list[str]) -> None:
    if not fields:
        log.info("the CRD has every field of this version", crd=name, version=__version__)
        return
    log.warning(_lacks(name, fields), crd=name, version=__version__, hint=APPLY)


def _lacks(name: str, fields: list[str]) -> str:
    more = f" and {len(fields) - SHOWN} more" if len(fields) > SHOWN else ""
    return f"the CRD {name} lacks {', '.join(fields[:SHOWN])}{more}; apply the CRDs of version {__version__}"
