"""Metrics, health endpoints and dependencies: `io` and `backends` fetch readings; the modules here judge them."""
