"""The service accounts under which the operator sends requests to the API server."""

from dataclasses import dataclass

PREFIX = "system:serviceaccount:"
"""Prefix of every service account's user name."""


@dataclass(frozen=True, order=True)
class Account:
    """A service account in the namespace of the Runbook."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """The user name of the account in the API server, which derives its groups from it."""
        return f"{PREFIX}{self.namespace}:{self.name}"

    def __str__(self) -> str:
        return f"ServiceAccount {self.namespace}/{self.name}"


def named(namespace: str, name: str | None) -> Account | None:
    """Return the account of that name; None, for the operator's own rights, if the name is empty."""
    return Account(namespace, name) if name else None
