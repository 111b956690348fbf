"""Taking a folder of ours away, whatever an image has put into it."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def remove_tree(path: Path | str) -> None:
    """Remove a folder of ours whatever the modes in it; what is not there is no error."""
    try:
        os.rmdir(path)  # most have nothing in them
    except FileNotFoundError:
        return
    except OSError:
        _remove_with_contents(path)


def _remove_with_contents(path: Path | str) -> None:
    import shutil

    def unlock(function: object, name: str, _: object) -> None:
        parent = os.path.dirname(name)
        for folder in (parent, name):
            try:
                if not os.path.islink(folder) and os.path.isdir(folder):
                    os.chmod(folder, 0o700)
            except OSError:
                pass
        try:
            if os.path.isdir(name) and not os.path.islink(name):
                shutil.rmtree(name, onerror=unlock) if os.access(name, os.R_OK | os.W_OK | os.X_OK) else None
            else:
                os.unlink(name)
        except FileNotFoundError:
            pass

    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path, onerror=unlock)
        else:
            os.unlink(path)
    except FileNotFoundError:
        pass
