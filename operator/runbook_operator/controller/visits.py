"""One visit to an object, with the answers it has read."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.queries import Query
from runbook_operator.core.references import Ref
from runbook_operator.kube.list_cache import Edition
from runbook_operator.reconcile.steps import WriteTarget


@dataclass(frozen=True)
class Visit:
    """One visit to an object: `thorough` for a close look, `edition` for the Runbook that declares the object."""

    key: Ref
    thorough: bool
    edition: Edition = ()
    answers: dict[Query, Any] = field(default_factory=dict)
    presumed: list[asyncio.Task[None]] = field(default_factory=list)
    """Tasks that verify answers which a throw presumed meanwhile; they write the real answers to `asked`."""
    verified: dict[Query, Any] = field(default_factory=dict)
    writes: list[WriteTarget] = field(default_factory=list)
    """The writes to targets of this visit."""
