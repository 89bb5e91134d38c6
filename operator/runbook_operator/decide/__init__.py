"""What to do next: pure functions of what is declared, what is recorded and what was seen.

Nothing here does I/O, reads a clock or knows kopf; `now` and new ids are part of the world that is given.
"""
