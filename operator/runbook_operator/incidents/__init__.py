"""Decide the next step of an Incident: signals, severity, escalation, messages, recovery and retention. Pure."""
