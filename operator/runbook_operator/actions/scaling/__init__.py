"""Helpers of scaling: autoscalers, delivery tools, disruption budgets, and the computation of replicas."""
