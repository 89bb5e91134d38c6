"""The next step of a Runbook: its switches, its conditions, its status. Pure."""
