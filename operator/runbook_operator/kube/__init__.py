"""The API server: the client, discovery, reads, caches, dynamic watches, and access reviews."""
