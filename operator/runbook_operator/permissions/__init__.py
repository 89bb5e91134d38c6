"""Decides if an action is allowed: by the administrator's list, and by RBAC. Pure."""
