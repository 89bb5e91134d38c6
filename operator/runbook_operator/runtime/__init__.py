"""Tools that Python's runtime lacks: a clock for tests to set, a work queue, locks by key, a token bucket."""
