"""Decide when automatic signals engage and release a switch: desired state, gates and effectiveness. Pure."""
