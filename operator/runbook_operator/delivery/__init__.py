"""Delivery of messages through the administrator's channels, apart from all work on switches."""
