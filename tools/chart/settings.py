"""The operator's settings as values of the chart, made of the class that reads them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

ELSEWHERE = frozenset(
    {
        *("namespaces", "lease_namespace", "lease_name", "identity", "metric_sources", "channels"),
        *("allowed_actions", "enforce_probes", "helm_release"),
    }
)
"""Settings that the chart makes of other values, or of the release."""
LISTS = frozenset({"allowed_urls", "allowed_networks"})
"""Settings that are lists written as one text in the environment, and lists here."""
IN_A_POD: dict[str, Any] = {
    "http_host": (
        str,
        # A pod has a network of its own, and the NetworkPolicy says who reaches it.
        Field("0.0.0.0", description="Address of /metrics, /healthz and /readyz; `::` where pods have IPv6 only."),  # noqa: S104
    ),
    "http_port": (int, Field(8080, ge=1024, le=65535, description="Port of the same.")),
}
"""Settings whose default or limits are others in a pod."""


def settings_model(settings: type[BaseSettings]) -> type[BaseModel]:
    """A model of the same fields in camelCase, with the defaults and limits of the settings."""
    fields: dict[str, Any] = {
        name: IN_A_POD.get(name) or _field(name, info)
        for name, info in settings.model_fields.items()
        if name not in ELSEWHERE
    }
    config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")
    model: type[BaseModel] = create_model("Settings", __config__=config, **fields)
    return model


def _field(name: str, info: FieldInfo) -> tuple[Any, FieldInfo]:
    if name in LISTS:
        return list[str], FieldInfo(annotation=list[str], default=[], description=info.description)
    taken = FieldInfo(annotation=info.annotation, default=info.default, description=info.description)
    taken.metadata = list(info.metadata)
    return info.annotation, taken
