"""The vocabulary that every other package shares: references, field paths, durations, thresholds, reasons. Pure."""
