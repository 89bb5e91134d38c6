"""The mechanisms by which clusters let traffic be blocked or limited: one file each, found through two tables.

Each is pure as the actions are: it looks at a Site and says what is to be written, or why it cannot be used there.
"""
