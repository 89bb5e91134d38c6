"""Types of names and texts, each with a length limit, so that the API server can estimate the cost of CEL rules."""

from typing import Annotated

from pydantic import Field
from pydantic.config import JsonDict

from runbook_operator.core.references import API_VERSIONS, KINDS, NAMES

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

EntryName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=NAMES)]
ApiVersion = Annotated[str, Field(min_length=1, max_length=128, pattern=API_VERSIONS)]
KindName = Annotated[str, Field(min_length=1, max_length=63, pattern=KINDS)]
Text = Annotated[str, Field(max_length=1024)]
Title = Annotated[str, Field(min_length=1, max_length=256)]


def mapped_by(*keys: str) -> JsonDict:
    """Return the schema of a list with unique `keys`: duplicates are rejected, and server-side apply merges entries."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
