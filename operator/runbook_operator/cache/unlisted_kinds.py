"""Track the always watched kinds that cannot be listed now: an object that the store lacks may then exist."""

from dataclasses import dataclass, field

from runbook_operator.core.observed_object import ALWAYS_WATCHED
from runbook_operator.core.references import Ref

Kind = tuple[str, str, str]
"""API version, kind and namespace; an empty namespace is all of them."""


@dataclass
class Listings:
    """The kinds whose list `failed`, as Coverage records them; all other always watched kinds were listed."""

    failed: set[Kind] = field(default_factory=set)

    def proves_absence(self, ref: Ref) -> bool:
        """True if an object that the store lacks does not exist, so that it needs no read."""
        gvk = (ref.api_version, ref.kind)
        return gvk in ALWAYS_WATCHED and not self.failed & {(*gvk, ref.namespace), (*gvk, "")}
