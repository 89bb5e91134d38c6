"""The switch engine: it pins, saves, writes, holds and restores fields, and reports what it does. Pure."""
