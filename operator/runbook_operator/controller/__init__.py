"""The generic loop: take a key from the queue, read a snapshot, decide, carry out one step, repeat."""
