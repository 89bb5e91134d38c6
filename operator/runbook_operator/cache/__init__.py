"""State that is kept only in memory: the store of observed objects, and the snapshots that are built from it."""
