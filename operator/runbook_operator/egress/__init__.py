"""Every connection that does not lead to the API server goes through the guard here."""
