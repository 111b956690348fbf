"""The Dockerfile's language: text in, stages and instructions out. Knows no store, no context, no process.

    parse("FROM busybox\\nRUN ecko", "Dockerfile") → Dockerfile(arguments, stages=(Stage(base="busybox", instructions=(Instruction("RUN", …),)),))

The parser, the shell lexer and the ignore matcher are `e2b_dockerfile_utils` (a port of BuildKit's); what it lets pass and BuildKit refuses is
refused in `grammar`, in BuildKit's words.
"""

from dockerlab.dockerfile.grammar import KEYWORDS
from dockerlab.dockerfile.ignore import IgnoreRules
from dockerlab.dockerfile.model import Dockerfile, Heredoc, Instruction, Stage
from dockerlab.dockerfile.parser import excerpt, parse
from dockerlab.dockerfile.words import Scope

__all__ = ["KEYWORDS", "Dockerfile", "Heredoc", "IgnoreRules", "Instruction", "Scope", "Stage", "excerpt", "parse"]
