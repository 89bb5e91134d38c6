"""What of the kinds that are always watched cannot be listed now, and so says nothing about what does not exist."""

from dataclasses import dataclass, field

from runbook_operator.core.observed_object import ALWAYS_WATCHED
from runbook_operator.core.references import Ref

Kind = tuple[str, str, str]
"""API version, kind and namespace; an empty namespace is all of them."""


@dataclass
class Listings:
    """Kept by who lists; a kind that is not among the `failed` ones is listed and watched."""

    failed: set[Kind] = field(default_factory=set)

    def tell(self, ref: Ref) -> bool:
        """True if the object does not exist where the store lacks it, and nobody has to read it."""
        gvk = (ref.api_version, ref.kind)
        return gvk in ALWAYS_WATCHED and not self.failed & {(*gvk, ref.namespace), (*gvk, "")}
