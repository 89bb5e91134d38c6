"""State in memory that is written nowhere: the store of observed objects, and the snapshots that are built from it."""
