"""The commands of `runbook-operator`, and the composition root of `run`."""
