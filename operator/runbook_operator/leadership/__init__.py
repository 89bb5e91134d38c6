"""Who may act: leader election by a Lease, and the shards that replicas share."""
