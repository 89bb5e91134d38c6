"""A resource kind as data: its names, models, columns, rights and parser. CRDs, RBAC and watches are made from it.

`api/registered_kinds.py` has all kinds; nothing else in the operator has a list of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.switch import FINALIZER
from runbook_operator.core.model_base import Rule
from runbook_operator.core.rbac_rules import READ, Right
from runbook_operator.core.references import API_VERSION, GROUP, Meta, Ref, meta_of

Body = Mapping[str, Any]
WRITE = ("create", "update", "patch", "delete", "deletecollection")


class OwnObject(Protocol):
    """An object of a registered kind, as the store keeps it: a frozen dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def meta(self) -> Meta: ...

    @property
    def status(self) -> ObjectStatus:
        """The status that decisions read."""

    @property
    def written(self) -> ObjectStatus:
        """The status as stored in the API server."""


Spec_co = TypeVar("Spec_co", bound=BaseModel, covariant=True)
Status_co = TypeVar("Status_co", bound=ObjectStatus, covariant=True)


@dataclass(frozen=True)
class ParsedObject(Generic[Spec_co, Status_co]):
    """An object of a kind that needs no parser of its own."""

    meta: Meta
    spec: Spec_co
    status: Status_co

    @property
    def written(self) -> Status_co:
        return self.status


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; priority 1 shows with `-o wide` only."""

    name: str
    json_path: str
    type: str = "string"
    priority: int = 0

    def as_crd(self) -> dict[str, Any]:
        optional = {"priority": self.priority} if self.priority else {}
        return {"name": self.name, "type": self.type, "jsonPath": self.json_path, **optional}


AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True)
class Uninstall:
    """The functions by which an uninstall releases what objects of a kind hold.

    `release` returns the change of `spec` that makes the object release, None if it needs none. `describe` returns a
    sentence about an object that still holds something, with the command that releases it.
    """

    release: Callable[[Body], Body | None]
    describe: Callable[[Body], str]


@dataclass(frozen=True)
class ResourceKind:
    """A custom resource of this operator.

    `summary` is the description for the chart's page on Artifact Hub. `rights` are verbs of the operator by resource;
    the key is a subresource such as "/status", empty for the objects themselves. `people` are verbs of people by role
    (see rbac_generation.ROLES), one tuple for each rule.
    """

    kind: str
    plural: str
    short_names: tuple[str, ...]
    spec: type[BaseModel]
    status: type[ObjectStatus]
    description: str
    summary: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    rights: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"": READ, "/status": ("patch",)})
    people: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    parse: Callable[[Body], OwnObject] | None = None
    uninstall: Uninstall | None = None
    runbook_of: Callable[[Any], Ref | None] = lambda _: None
    """Return the Runbook that an object belongs to: a change of the Runbook reconciles the object."""

    @property
    def gvk(self) -> tuple[str, str]:
        """API version and kind."""
        return (API_VERSION, self.kind)

    @property
    def crd_name(self) -> str:
        return f"{self.plural}.{GROUP}"

    def operator_rights(self) -> tuple[Right, ...]:
        """Return the rights of the operator's base role to this kind."""
        return tuple(Right(GROUP, self.plural + part, verbs) for part, verbs in self.rights.items())

    def parsed(self, body: Body) -> OwnObject:
        """Parse an object; raises ValidationError for one that its CRD would reject."""
        if self.parse is not None:
            return self.parse(body)
        status = self.status.model_validate(body.get("status") or {})
        return ParsedObject(meta_of(body), self.spec.model_validate(body.get("spec") or {}), status)


def is_marked(body: Body) -> bool:
    """True if the object has the finalizer."""
    return FINALIZER in body["metadata"].get("finalizers", ())


def is_deleted(body: Body) -> bool:
    """True if the object is being deleted, alone or with its namespace."""
    return "deletionTimestamp" in body["metadata"]


def named(body: Body) -> str:
    """Return kind, namespace and name of an object for a message."""
    return f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}"
