"""Bytes from one open file into another: inside the kernel where both are files, else block by block."""

from __future__ import annotations

import errno
import os
from typing import IO

from dockerlab.errors import StoreError

_BLOCK = 1 << 20


def copy_bytes(source: int, target: int, likely: int = 0) -> int:
    """Copy a whole file inside the kernel; it shares blocks where the file system can. Of `likely` bytes, if more than 0, no end is looked for."""
    total = 0
    try:
        while count := os.copy_file_range(source, target, 1 << 30):
            total += count
            if 0 < likely <= total:
                return total
    except OSError as error:
        if total or error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
    while block := os.read(source, _BLOCK):  # also what copy_file_range can't see: files of /proc and their like
        total += os.write(target, block)
    return total


def pour(source: IO[bytes], target: int, size: int | None) -> int:
    """What a stream holds, or `size` bytes of it; how many that were. StoreError if it ends before."""
    total = 0
    while size is None or total < size:
        block = source.read(_BLOCK if size is None else min(_BLOCK, size - total))
        if not block:
            if size is not None:
                raise StoreError(f"an archive ends in the middle of a file ({total} of {size} bytes)")
            break
        view = memoryview(block)
        while view:
            view = view[os.write(target, view) :]
        total += len(block)
    return total
