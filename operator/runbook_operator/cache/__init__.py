"""What the operator has seen and has not written anywhere: the store, and the snapshots that are read from it."""
