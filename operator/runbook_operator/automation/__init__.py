"""Decide when automatic signals engage and release a switch: the desired state, the gates, the effectiveness. Pure."""
