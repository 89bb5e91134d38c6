"""Decide the next step of a Runbook: create and delete its switches, write its conditions and status. Pure."""
