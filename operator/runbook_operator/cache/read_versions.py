"""The resourceVersion of each object that this leader has read or written last, by service account."""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.core.accounts import Account
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ObjectFilter


@dataclass
class ReadVersions:
    """The versions of one leadership term. A read by one service account does not count for another."""

    _of: dict[Ref, dict[Account | None, str]] = field(default_factory=dict)
    _times: int = 0
    """The number of leadership terms that have begun, for any shards."""

    def version(self, ref: Ref, account: Account | None = None) -> str | None:
        """Return the last version that the account has read, or None."""
        return self._of.get(ref, {}).get(account)

    def note(self, ref: Ref, version: str, account: Account | None = None) -> None:
        self._of.setdefault(ref, {})[account] = version

    def note_read(self, observed: ObservedObject | Missing, account: Account | None) -> None:
        """Note the version of a target; a missing one has none."""
        if isinstance(observed, ObservedObject):
            self.note(observed.ref, observed.resource_version, account)

    def listing(self) -> Callable[[Ref, str], bool]:
        """Return a callback that marks listed objects as read, unless a leadership term begins during the list.

        The callback returns True if the object counts as read. A version from a single read or write stays, since it is
        usually newer.
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

    def clear(self, only: ObjectFilter) -> None:
        self._times += 1
        self._of = {ref: versions for ref, versions in self._of.items() if not only(ref)}
