"""The token bucket."""

from runbook_operator.runtime.token_bucket import Bucket


def test_bucket_allows_its_size_at_once_and_then_its_rate() -> None:
    time = [100.0]
    bucket = Bucket(rate=2, size=3, monotonic=lambda: time[0])

    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]
    time[0] += 0.5
    assert (bucket.take(), bucket.take()) == (0, 0.5)


def test_idle_bucket_fills_only_to_its_size() -> None:
    time = [0.0]
    bucket = Bucket(rate=1, size=2, monotonic=lambda: time[0])
    time[0] = 1000

    assert [bucket.take() for _ in range(3)] == [0, 0, 1]
