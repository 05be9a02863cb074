# SPDX-License-Identifier: Apache-2.0
"""Keeps the memory of a process that stays up flat, and the collector from work that finds nothing."""

import ctypes
import gc

# mallopt(3): the numbers are glibc's own.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGE = 128 * 1024


def give_back_large_blocks() -> None:
    """Let every block of 128 KiB or more go back to the system once it is free; do nothing without glibc.

    glibc raises both thresholds, up to 32 MiB, when such a block is freed for the first time. What a fetch
    or a batch needs for a moment then comes from the heap, which small blocks that stay tear into pieces,
    so that the process grows for as long as it works.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _LARGE)


def keep_what_stays_out_of_collections() -> None:
    """Let the collector look only at what a batch makes, and at that once in many thousand objects.

    A batch holds tens of thousands of objects, hardly any of them in a cycle; with the defaults the
    collector goes through all of them, and through the modules, again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
