"""Which version of each object this leader has read or written last, and in whose name it was allowed to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.core.accounts import Account
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import Whose


@dataclass
class Certainty:
    """Kept for one time of leading there. What one account has read, no other has."""

    _of: dict[Ref, dict[Account | None, str]] = field(default_factory=dict)
    _times: int = 0
    """How often leading has begun anywhere."""

    def version(self, ref: Ref, account: Account | None = None) -> str | None:
        """None where nothing was read in that name."""
        return self._of.get(ref, {}).get(account)

    def note(self, ref: Ref, version: str, account: Account | None = None) -> None:
        self._of.setdefault(ref, {})[account] = version

    def saw(self, seen: Seen | Missing, account: Account | None) -> None:
        """As note, for a target; one that is not there has no version."""
        if isinstance(seen, Seen):
            self.note(seen.ref, seen.resource_version, account)

    def listing(self) -> Callable[[Ref, str], bool]:
        """Who takes in a list that begins now: what it says has been read, unless leading begins anywhere meanwhile.

        Returns whether it has. A version that was read or written by itself is newer, as a rule, and stays.
        """
        times = self._times

        def listed(ref: Ref, version: str) -> bool:
            counts = self._times == times
            if counts and self.version(ref) is None:
                self.note(ref, version)
            return counts

        return listed

    def forget(self, ref: Ref) -> None:
        self._of.pop(ref, None)

    def clear(self, whose: Whose) -> None:
        self._times += 1
        self._of = {ref: versions for ref, versions in self._of.items() if not whose(ref)}
