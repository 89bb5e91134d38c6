"""Sets containers' own probes from health endpoints, and restores them. Pure."""
