"""Parse Runbooks and Switches from the API server."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runbook_operator.api.override import SwitchSpec
from runbook_operator.api.runbook import KillSwitch, RunbookSpec, RunbookStatus
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core import field_paths
from runbook_operator.core.gitops_trackers import tracker
from runbook_operator.core.labels import ENGAGED_BY, RUNBOOK
from runbook_operator.core.references import API_VERSION, Meta, Ref, meta_of

OVERRIDE_FIELDS = "spec{engaged,reason,expiresAfter,renewedAt}"
"""The fields of a person's override."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class RunbookObject:
    """A Runbook as stored. If its spec does not parse, `spec` is None and `error` has the field and the reason."""

    meta: Meta
    spec: RunbookSpec | None
    status: RunbookStatus
    error: str = ""

    @property
    def written(self) -> RunbookStatus:
        """The status as stored in the API server."""
        return self.status

    def entry(self, switch: str) -> KillSwitch | None:
        return self.spec.switches().get(switch) if self.spec else None


@dataclass(frozen=True)
class SwitchObject:
    """A Switch as stored. `override_author` is the user who set the override, or without a stamp the field manager.

    `override_time` is RFC 3339. Without a stamp it may be too late, since it is the time of the manager's last write.
    `made_for` is the Runbook that the operator created it for, and `tracked_by` the delivery tool that manages it.
    `stored_status` is the status in the API server, if this replica already has a newer one; else None.
    """

    meta: Meta
    spec: SwitchSpec
    status: SwitchStatus
    override_author: str = ""
    override_time: str = ""
    made_for: str = ""
    tracked_by: str = ""
    stored_status: SwitchStatus | None = None

    @property
    def written(self) -> SwitchStatus:
        """The status as stored in the API server."""
        return self.stored_status or self.status

    @property
    def maybe_thrown(self) -> bool:
        """True if its spec changed since it was idle: a throw may have written targets without storing its record."""
        prepared = self.status.prepared
        return self.status.record is None and prepared is not None and prepared.generation != self.meta.generation

    @property
    def is_unprepared(self) -> bool:
        """True if it is idle and its next throw must save values before it writes."""
        return self.status.record is None and self.status.prepared is None

    @property
    def is_unanswered(self) -> bool:
        """True if spec.engaged changed and the status does not reflect that yet."""
        is_spoken_to = self.meta.generation != self.status.observed_generation
        return is_spoken_to and bool(self.spec.engaged) != (self.status.record is not None)

    @property
    def is_held_engaged(self) -> bool:
        """True if a person's override or an automatic hold keeps it engaged."""
        if self.meta.deleting:
            return False
        if self.spec.engaged is not None:
            return self.spec.engaged
        return any(one.source != "Person" for one in self.status.holds)

    @property
    def runbook(self) -> Ref:
        """Reference to the Runbook that it names."""
        return Ref(API_VERSION, "Runbook", self.meta.ref.namespace, self.spec.runbook)


def switch_name(runbook: str, entry: str) -> str:
    """Return the name of the Switch for an entry of a Runbook."""
    return f"{runbook}-{entry}"


def parse_runbook(body: Mapping[str, Any]) -> RunbookObject:
    status = RunbookStatus.model_validate(body.get("status") or {})
    try:
        spec = RunbookSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        return RunbookObject(meta_of(body), None, status, _sentence(error))
    return RunbookObject(meta_of(body), spec, status)


def parse_switch(body: Mapping[str, Any]) -> SwitchObject:
    """Parse a Switch; raises ValidationError only for one that its CRD would reject."""
    spec = SwitchSpec.model_validate(body["spec"])
    status = SwitchStatus.model_validate(body.get("status") or {})
    meta = body["metadata"]
    manager, noted = field_paths.owner(meta, OVERRIDE_FIELDS)
    user, stamped = _stamped(meta)
    made_for = str((meta.get("labels") or {}).get(RUNBOOK, ""))
    return SwitchObject(meta_of(body), spec, status, user or manager, stamped or noted, made_for, tracker(meta))


def _stamped(meta: Mapping[str, Any]) -> tuple[str, str]:
    """Return the user that wrote the spec, and the time; empty if unknown.

    A stamp of another generation is left from an earlier write and is ignored; a stamp by an older chart has no time.
    """
    generation, _, rest = str((meta.get("annotations") or {}).get(ENGAGED_BY, "")).partition(" ")
    if generation != str(meta.get("generation", 0)):
        return "", ""
    at, _, user = rest.partition(" ")
    return (user, at) if TIME.fullmatch(at) else (rest, "")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(("spec", *map(str, first["loc"])))
    return f"{where}: {first['msg']}"
