"""Metrics, Events, logs and the audit log of the operator itself."""
