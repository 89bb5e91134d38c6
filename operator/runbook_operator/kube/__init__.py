"""The API server: the client, discovery, reads, watches of what is needed, and access reviews."""
