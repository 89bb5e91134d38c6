"""Metrics, health endpoints and dependencies: `io` and `backends` ask, and the modules here judge the answers."""
