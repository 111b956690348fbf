"""The library that reads Dockerfiles, made to begin at once.

It makes four `dataclasses`; importing that module and letting it write their signatures takes as long as everything else that a small build imports from
it. A command of ours that has not loaded the module so far lends the library our own `dataclass` while it is imported. Where `dataclasses` is loaded
already (every notebook) nothing is lent, and where ours does not suffice the library gets the real one.
"""

from __future__ import annotations

import sys

from dockerlab import data


def _load() -> None:
    if "dataclasses" in sys.modules or "e2b_dockerfile_utils" in sys.modules:
        return
    before = set(sys.modules)
    sys.modules["dataclasses"] = data
    try:
        import e2b_dockerfile_utils  # noqa: F401
    except Exception:  # of whatever kind: it is imported anew below
        for name in set(sys.modules) - before:
            if name.startswith("e2b_dockerfile_utils"):
                del sys.modules[name]
    finally:
        del sys.modules["dataclasses"]


_load()

from e2b_dockerfile_utils import (  # noqa: E402
    DockerfileAst,
    DockerfileInstruction,
    DockerfileSyntaxError,
    PatternMatcher,
    ShellLex,
    parse_dockerfile_ast,
)

__all__ = ["DockerfileAst", "DockerfileInstruction", "DockerfileSyntaxError", "PatternMatcher", "ShellLex", "parse_dockerfile_ast"]
