"""The switch engine: pin, save, write, hold and restore fields, and report on them. Pure."""
