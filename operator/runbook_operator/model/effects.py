"""The closed set of writes to targets. An action describes what is to be held; only act/ carries out these writes.

A new kind of write is added here and in act/steps.py, on purpose: what can be done to a cluster is one short list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runbook_operator.model.refs import Ref

Subresource = Literal["", "scale", "status"]


@dataclass(frozen=True)
class Patch:
    """A JSON merge patch of an object or of its subresource, only if the object is still the one that was seen."""

    ref: Ref
    uid: str
    resource_version: str
    patch: Mapping[str, Any]
    subresource: Subresource = ""


@dataclass(frozen=True)
class Create:
    """Make an object; its name follows from the engagement, so that it is never made twice."""

    ref: Ref
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Delete the object, if it still is the one of that uid, and of that resourceVersion where one is given."""

    ref: Ref
    uid: str
    resource_version: str = ""


Effect = Patch | Create | Delete
