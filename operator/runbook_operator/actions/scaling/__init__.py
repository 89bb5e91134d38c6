"""What else scales a workload or runs it, and how an amount becomes a number of replicas."""
