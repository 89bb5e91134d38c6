"""Set containers' probes from health endpoints, and restore them. No I/O."""
