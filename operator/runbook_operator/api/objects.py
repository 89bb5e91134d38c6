"""Bodies from the API server as parsed objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runbook_operator.api.runbook import KillSwitch, RunbookSpec, RunbookStatus
from runbook_operator.api.switch import SwitchSpec, SwitchStatus
from runbook_operator.model.refs import Meta, meta_of


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
    """A Switch as stored."""

    meta: Meta
    spec: SwitchSpec
    status: SwitchStatus


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
    return SwitchObject(meta_of(body), spec, SwitchStatus.model_validate(body.get("status") or {}))


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(("spec", *map(str, first["loc"])))
    return f"{where}: {first['msg']}"
