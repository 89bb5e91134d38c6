"""Says what happened: status, Events, metrics and log lines, all from the same words. It writes to no target."""
