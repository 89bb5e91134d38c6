"""Keeps the collector of reference cycles from stopping the loop: what lives for long is not looked through again.

With 5,000 Runbooks a full collection takes most of a second, and it comes whenever a quarter of all that is there is
new: in the middle of a throw as well as at any other time, and over and over while a process starts.
"""

import gc


def starting() -> None:
    """Look for nothing until `settle`: what a start reads is what lasts, and looking through it takes a fifth of it.

    From after the imports on, which leave cycles of 1 MB behind.
    """
    gc.freeze()
    gc.disable()


def settle() -> None:
    """Take what is there now for lasting, apart from the cycles of the young, which are freed first.

    It is freed as everything is once nobody refers to it. A cycle that was old and nobody's by now stays; what goes on
    for long is of few cycles, and those of errors and tasks are young.
    """
    gc.collect(1)
    gc.freeze()
    gc.enable()
