"""The deployment guard: it observes a new revision, judges it, and remembers which revisions are known good. Pure."""
