"""Mechanisms to block or limit traffic: one file each, listed in tables of block_traffic and rate_limit.

Each is pure as the actions are: from a Site it plans the fields to write, or raises why it is not applicable.
"""
