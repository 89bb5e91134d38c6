"""The closed set of writes to targets. An action names the fields to hold; only controller/target_writes.py writes.

A new kind of write needs a change in these two files, so that one short list shows all that can happen to a cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runbook_operator.core.references import Ref

Subresource = Literal["", "scale", "status"]


@dataclass(frozen=True)
class Patch:
    """A JSON merge patch of an object or of its subresource, only for the uid and resourceVersion that were read."""

    ref: Ref
    uid: str
    resource_version: str
    patch: Mapping[str, Any]
    subresource: Subresource = ""


@dataclass(frozen=True)
class Create:
    """Create an object; its name follows from the engagement, so that it is never created twice."""

    ref: Ref
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Delete the object if it still has that uid, and that resourceVersion if one is given."""

    ref: Ref
    uid: str
    resource_version: str = ""


Effect = Patch | Create | Delete
