"""The vocabulary that all packages share: references, field paths, durations, thresholds, reasons. Pure."""
