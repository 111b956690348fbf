"""Docker's command line as a library: words in, text and an exit code out. The `dockerlab` command and the notebook's `%docker` both speak through it.

    run(["ps", "-a", "--format", "{{.Names}}"], engine, terminal) → 0

`flags` knows docker's verbs and flags, `template` Go's templates, `listing` docker's tables; each other module is a handful of verbs over an `Engine`.
"""

from dockerlab.verbs.dispatch import VERBS, Terminal, find_verb, run

__all__ = ["VERBS", "Terminal", "find_verb", "run"]
