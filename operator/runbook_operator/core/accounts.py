"""In whose name a request to the API server is made."""

from dataclasses import dataclass

PREFIX = "system:serviceaccount:"
"""What the API server's names of all service accounts begin with."""


@dataclass(frozen=True, order=True)
class Account:
    """A service account; there is no way to name one of another namespace than the Runbook's."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """The name by which the API server knows it; its groups follow from that."""
        return f"{PREFIX}{self.namespace}:{self.name}"

    def __str__(self) -> str:
        return f"ServiceAccount {self.namespace}/{self.name}"


def named(namespace: str, name: str | None) -> Account | None:
    """The account of that name, None for the operator's own rights."""
    return Account(namespace, name) if name else None
