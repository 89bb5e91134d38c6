"""Outgoing connections to anything but the API server; all of them pass the guard of egress_guard."""
