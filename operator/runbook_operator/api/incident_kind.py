"""The kind Incident."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator.api.conditions import moment
from runbook_operator.api.incident import IncidentSpec, IncidentStatus
from runbook_operator.api.resource_kind import AGE, Column, ResourceKind
from runbook_operator.core import field_paths, labels
from runbook_operator.core.gitops_trackers import tracker
from runbook_operator.core.rbac_rules import READ
from runbook_operator.core.references import API_VERSION, Meta, Ref, meta_of

RESPOND = (*READ, "create", "patch", "acknowledge", "resolve")
"""Verbs of the people who answer incidents. None of them deletes an incident: that would end its escalation."""


@dataclass(frozen=True)
class Author:
    """Who last wrote a field, and when (RFC 3339); each is "" if unknown."""

    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class IncidentObject:
    """An Incident as stored, with the authors of the fields that people write."""

    meta: Meta
    spec: IncidentSpec
    status: IncidentStatus
    created_at: str = ""
    acknowledged: Author = Author()
    resolved: Author = Author()
    note: Author = Author()
    opened: Author = Author()
    tracked_by: str = ""

    @property
    def written(self) -> IncidentStatus:
        """The status as stored in the API server."""
        return self.status

    @property
    def runbook(self) -> Ref:
        return Ref(API_VERSION, "Runbook", self.meta.ref.namespace, self.spec.runbook)

    @property
    def is_automatic(self) -> bool:
        """True if the operator opened it."""
        return self.spec.cause.source != "Person"

    @property
    def is_followed(self) -> bool:
        """True if the operator follows it: it is not being deleted, and no GitOps tool tracks it."""
        return not (self.meta.deleting or self.tracked_by)

    @property
    def is_resolved(self) -> bool:
        return self.status.phase == "Resolved"


def parse_incident(body: Mapping[str, Any]) -> IncidentObject:
    """Parse an Incident; raises ValidationError only for one that its CRD would reject."""
    meta = body["metadata"]
    return IncidentObject(
        meta_of(body),
        IncidentSpec.model_validate(body.get("spec") or {}),
        IncidentStatus.model_validate(body.get("status") or {}),
        str(meta.get("creationTimestamp") or ""),
        _author(meta, labels.ACKNOWLEDGED_BY, "acknowledged"),
        _author(meta, labels.RESOLVED_BY, "resolved"),
        _author(meta, labels.NOTED_BY, "note"),
        _author(meta, labels.OPENED_BY, "runbook"),
        tracker(meta),
    )


def _author(meta: Mapping[str, Any], annotation: str, field: str) -> Author:
    """Return the user that the API server recorded in the annotation, or else the field manager of the field.

    Without the admission policies anybody may write the annotation: one whose time does not parse is ignored.
    """
    at, found, by = str((meta.get("annotations") or {}).get(annotation, "")).partition(" ")
    is_stamp = bool(found) and (not at or _is_time(at))
    return Author(by, at) if is_stamp else Author(*field_paths.owner(meta, f"spec.{field}"))


def _is_time(text: str) -> bool:
    try:
        return moment(text).tzinfo is not None
    except ValueError:
        return False


INCIDENT = ResourceKind(
    kind="Incident",
    plural="incidents",
    short_names=("inc",),
    spec=IncidentSpec,
    status=IncidentStatus,
    description="One incident of a Runbook: what is wrong, who was notified, who answered. Acknowledge it: kubectl "
    'patch incidents.runbooks.dev NAME --type merge -p \'{"spec":{"acknowledged":true}}\'. Resolve it: '
    '"resolved":true,"resolution":"TEXT".',
    summary="One incident of a Runbook: signals, escalation, messages and timeline.",
    columns=(
        Column("Severity", ".status.severity"),
        Column("Phase", ".status.phase"),
        Column("Cause", ".status.columns.cause"),
        Column("Opened", ".status.openedAt", "date"),
        Column("Acked-By", ".status.acknowledgedBy"),
        Column("Next", ".status.columns.next"),
        Column("Title", ".spec.title"),
        Column("Respond-By", ".status.respondBy", priority=1),
        Column("Notified", '.status.conditions[?(@.type=="Notified")].status', priority=1),
        Column("Reason", '.status.conditions[?(@.type=="Notified")].reason', priority=1),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status', priority=1),
        Column("Message", '.status.conditions[?(@.type=="Ready")].message', priority=1),
        AGE,
    ),
    rights={"": (*READ, "create", "patch", "delete"), "/status": ("patch",)},
    people={
        "runbook-viewer": (READ,),
        "runbook-editor": (READ,),
        "switch-operator": (RESPOND,),
        "incident-responder": (RESPOND,),
    },
    parse=parse_incident,
    runbook_of=lambda incident: incident.runbook,
)
