"""Mechanisms to block or limit traffic: one file each, listed in tables of block_traffic and rate_limit.

Each is pure, like an action: it plans the fields to write for a TrafficTarget, or raises Refused with the reason.
"""
