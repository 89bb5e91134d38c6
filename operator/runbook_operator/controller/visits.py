"""One look at an object, and what was found out in it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core.queries import Query
from runbook_operator.core.references import Ref
from runbook_operator.kube.list_cache import Edition
from runbook_operator.reconcile.steps import Act


@dataclass(frozen=True)
class Visit:
    """One look at an object: whether it is to be a close one, what declares the object, and what was asked in it."""

    key: Ref
    thorough: bool
    edition: Edition = ()
    answers: dict[Query, Any] = field(default_factory=dict)
    presumed: list[asyncio.Task[None]] = field(default_factory=list)
    """They ask for what a throw takes for known meanwhile; the answers come into `asked`."""
    asked: dict[Query, Any] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    """What was written to targets in it."""
