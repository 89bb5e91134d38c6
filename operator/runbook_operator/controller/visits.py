"""One visit to an object, with the answers that were read for it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.queries import Query
from runbook_operator.core.references import Ref
from runbook_operator.kube.list_cache import Edition
from runbook_operator.reconcile.steps import WriteTarget


@dataclass(frozen=True)
class Visit:
    """One visit. `thorough` is True for a deep check; `edition` is the Runbook of the object and its generation."""

    key: Ref
    thorough: bool
    edition: Edition = ()
    answers: dict[Query, Any] = field(default_factory=dict)
    presumed: list[asyncio.Task[None]] = field(default_factory=list)
    """Tasks that verify the answers which a throw presumes meanwhile; they put the real ones into `verified`."""
    verified: dict[Query, Any] = field(default_factory=dict)
    writes: list[WriteTarget] = field(default_factory=list)
    """The writes to targets of this visit."""
