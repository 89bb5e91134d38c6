"""The deployment guard: it watches a new revision, judges it, and records which revisions are known good. No I/O."""
