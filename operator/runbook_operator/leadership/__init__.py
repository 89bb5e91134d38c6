"""Decides which replica may act: leader election by a Lease, and shards that replicas share."""
