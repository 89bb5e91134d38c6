"""What Python's runtime lacks: a clock that tests can set, a work queue, locks by key, a token bucket."""
