"""Read what a Runbook watches when it is due: the scheduler, the health checks, the metrics, the baselines."""
