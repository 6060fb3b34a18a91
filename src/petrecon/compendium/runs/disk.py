"""What to do about a disk that does not take what is written."""

from __future__ import annotations

import errno
import os
import re

_CURES = {
    errno.ENOSPC: "the disk is full: free some space (the .cache folder may be deleted)",
    errno.EDQUOT: "your disk quota is used up: free some space (the .cache folder may be deleted)",
    errno.EROFS: "the disk is read-only: work in a copy of the project that you can write to",
    errno.EFBIG: "a file grew past the size that you may write: say `ulimit -f unlimited`",
    errno.EMFILE: "too many files are open: say `ulimit -n 1024`",
    errno.EACCES: "you may not write there: change the permissions, or work in a copy of the project",
    errno.EPERM: "you may not write there: change the permissions, or work in a copy of the project",
}


def cure_of(error: OSError) -> str | None:
    """Return one line that names the place and the cure, or None when the error is of another kind."""
    cure = _CURES.get(error.errno or 0)
    place = error.filename2 or error.filename
    return cure and f"cannot write{f' {place}' if place else ''}: {cure}"


def error_in(text: str) -> OSError | None:
    """Return the error of a full or read-only disk that a kernel told as text, or None when it told another."""
    found = re.match(r"\[Errno (\d+)\] [^:]*(?:: '(.*)')?", text)
    if not found or int(found[1]) not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EMFILE):
        return None
    return OSError(int(found[1]), os.strerror(int(found[1])), found[2])
