"""Models are changed by copying them."""

import pytest

from runbook_operator.api.switch import Record

RECORD = Record(engagement_id="e1", engaged_at="2026-01-01T00:00:00Z")


def test_replace_changes_a_copy() -> None:
    assert RECORD.replace(done=True).done
    assert not RECORD.done


def test_replace_with_unknown_field_raises() -> None:
    with pytest.raises(TypeError, match="Record has no field actons, dnoe"):
        RECORD.replace(actons=[], dnoe=True)  # type: ignore[call-arg] # what the test is about
