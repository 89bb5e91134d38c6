"""Writes to targets, and to the metadata and spec of our own objects. It decides nothing; status is report/'s."""
