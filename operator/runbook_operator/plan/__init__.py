"""What a decision looks at (world) and what it may ask for (steps). Pure: no I/O, no clock, no decisions."""
