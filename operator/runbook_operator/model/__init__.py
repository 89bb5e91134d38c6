"""The vocabulary: references, readings of the cluster, effects, reasons. It imports nothing of ours and does no I/O."""
