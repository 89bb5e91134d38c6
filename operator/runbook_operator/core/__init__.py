"""Types and pure functions that all packages share: references, field paths, durations, thresholds, reasons."""
