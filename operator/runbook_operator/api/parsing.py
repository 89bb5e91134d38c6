"""Bodies from the API server as parsed objects."""

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

WORD = "spec{engaged,reason,expiresAfter,renewedAt}"
"""The fields by which a person speaks to a Switch."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class RunbookObject:
    """A Runbook as stored. `spec` is None where it does not parse, and `error` says which field and why."""

    meta: Meta
    spec: RunbookSpec | None
    status: RunbookStatus
    error: str = ""

    def entry(self, switch: str) -> KillSwitch | None:
        return self.spec.switches().get(switch) if self.spec else None


@dataclass(frozen=True)
class SwitchObject:
    """A Switch as stored. `said_by` wrote its word: the user, or the field manager where no policy has stamped one.

    `said_at` is when, RFC 3339, or later: without a stamp it is the time of all that this manager wrote. `made_for` is
    the Runbook that the operator made it for, and `tracked_by` the delivery tool that has it. `told` is the status that
    the API server has, where this replica knows more by now.
    """

    meta: Meta
    spec: SwitchSpec
    status: SwitchStatus
    said_by: str = ""
    said_at: str = ""
    made_for: str = ""
    tracked_by: str = ""
    told: SwitchStatus | None = None

    @property
    def written(self) -> SwitchStatus:
        """The status as the API server has it."""
        return self.told or self.status

    @property
    def is_in_doubt(self) -> bool:
        """Whether somebody spoke to it since it was at rest: a throw may have acted, and not have been told of."""
        prepared = self.status.prepared
        return self.status.record is None and prepared is not None and prepared.generation != self.meta.generation

    @property
    def is_unprepared(self) -> bool:
        """Whether it is at rest, and its next throw has to save before it acts."""
        return self.status.record is None and self.status.prepared is None

    @property
    def is_unanswered(self) -> bool:
        """Whether somebody moved its lever, and nothing was written to the switch about that."""
        is_spoken_to = self.meta.generation != self.status.observed_generation
        return is_spoken_to and bool(self.spec.engaged) != (self.status.record is not None)

    @property
    def is_kept_engaged(self) -> bool:
        """True if a person or an automatic hold keeps what it holds from being released."""
        if self.meta.deleting:
            return False
        if self.spec.engaged is not None:
            return self.spec.engaged
        return any(one.source != "Person" for one in self.status.holds)

    @property
    def runbook(self) -> Ref:
        """The Runbook that it names."""
        return Ref(API_VERSION, "Runbook", self.meta.ref.namespace, self.spec.runbook)


def switch_name(runbook: str, entry: str) -> str:
    """The name of the Switch that a Runbook has for one of its entries."""
    return f"{runbook}-{entry}"


def parse_runbook(body: Mapping[str, Any]) -> RunbookObject:
    status = RunbookStatus.model_validate(body.get("status") or {})
    try:
        spec = RunbookSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        return RunbookObject(meta_of(body), None, status, _sentence(error))
    return RunbookObject(meta_of(body), spec, status)


def parse_switch(body: Mapping[str, Any]) -> SwitchObject:
    """Raises ValidationError only for a Switch that its CRD would have refused."""
    spec = SwitchSpec.model_validate(body["spec"])
    status = SwitchStatus.model_validate(body.get("status") or {})
    meta = body["metadata"]
    manager, noted = field_paths.owner(meta, WORD)
    user, stamped = _stamped(meta)
    made_for = str((meta.get("labels") or {}).get(RUNBOOK, ""))
    return SwitchObject(meta_of(body), spec, status, user or manager, stamped or noted, made_for, tracker(meta))


def _stamped(meta: Mapping[str, Any]) -> tuple[str, str]:
    """The user whose spec it is, and when it was written, both empty where they are not known.

    A stamp of another generation was left behind by somebody before, and says nothing; that of an older chart has
    no time.
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
