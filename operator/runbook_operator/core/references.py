"""References to objects in the cluster, and their metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator import __version__

GROUP = "runbooks.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
MANAGER = "runbook-operator"
"""The field manager of all writes of the operator. Flux would undo the writes of a name that begins with kubectl."""
USER_AGENT = f"{MANAGER}/{__version__}"


NAMES = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
API_VERSIONS = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z]([-a-z0-9]*[a-z0-9])?$"
KINDS = r"^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$"
"""Patterns for names that users write: each is one path segment, and none leads to another namespace."""


@dataclass(frozen=True, order=True)
class Ref:
    """A reference to one object: API version, kind, namespace and name, but no uid."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def group(self) -> str:
        """The API group, empty for core."""
        return self.api_version.rpartition("/")[0]

    def is_of(self, api_version: str, kind: str, namespace: str) -> bool:
        """True if the object has that kind and namespace; an empty `namespace` means all of them."""
        return (self.api_version, self.kind) == (api_version, kind) and namespace in ("", self.namespace)

    def is_meant_by(self, reference: Mapping[str, Any]) -> bool:
        """True if the apiVersion, kind and name refer to this object; the version within the API group is ignored."""
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        return (group, reference.get("kind"), reference.get("name")) == (self.group, self.kind, self.name)


@dataclass(frozen=True)
class Owner:
    """One owner reference."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True)
class Meta:
    """The part of an object's metadata that the operator uses."""

    ref: Ref
    uid: str
    resource_version: str
    generation: int = 0
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    owners: tuple[Owner, ...] = ()

    @property
    def life(self) -> tuple[str, int, bool]:
        """A key that changes when the spec changes, a deletion begins, or a new object gets the same name."""
        return (self.uid, self.generation, self.deleting)

    @property
    def owner_uids(self) -> tuple[str, ...]:
        return tuple(owner.uid for owner in self.owners)


def switch_ref(namespace: str, name: str) -> Ref:
    return Ref(API_VERSION, "Switch", namespace, name)


def incident_ref(namespace: str, name: str) -> Ref:
    return Ref(API_VERSION, "Incident", namespace, name)


def ref_of(body: Mapping[str, Any]) -> Ref:
    """Return the reference to an object from the API server; apiVersion and kind must be in the body."""
    meta = body["metadata"]
    return Ref(body["apiVersion"], body["kind"], meta.get("namespace", ""), meta["name"])


def meta_of(body: Mapping[str, Any]) -> Meta:
    """Parse the metadata of an object from the API server; apiVersion and kind must be in the body."""
    meta = body["metadata"]
    return Meta(
        ref=ref_of(body),
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        generation=meta.get("generation", 0),
        deleting="deletionTimestamp" in meta,
        finalizers=tuple(meta.get("finalizers", ())),
        owners=tuple(map(_owner, meta.get("ownerReferences", ()))),
    )


def _owner(reference: Mapping[str, Any]) -> Owner:
    api_version, kind, name, uid = (str(reference.get(key, "")) for key in ("apiVersion", "kind", "name", "uid"))
    return Owner(api_version, kind, name, uid)
