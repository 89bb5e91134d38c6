"""One Service. Left out: everything but reading it."""

from dataclasses import dataclass, field
from typing import Any

from runbook_operator.kube import errors


@dataclass
class FakeKube:
    """Answers with one Service. Left out: everything else, since a real one cannot have a loopback address."""

    spec: dict[str, Any] | None
    asked: list[str] = field(default_factory=list)

    async def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if self.spec is None:
            raise errors.NotFoundError("404")
        return {"spec": self.spec}
