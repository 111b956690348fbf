"""Names of images as docker reads and shows them. (distribution/reference: domain, path, tag, digest; Docker Hub's defaults)"""

from __future__ import annotations

import re

from dockerlab.data import dataclass
from dockerlab.errors import InvalidReferenceError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*\Z"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}\Z"
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d+)?\Z"
_ID = r"[0-9a-f]{64}\Z"
# patterns are compiled by whoever first reads a name: most commands read none
_LONGEST = 255
HUB = "docker.io"


def is_pointed(text: str) -> bool:
    """Whether a name says which image of its repository it means, by a tag or a digest; a registry's port is none."""
    return "@" in text or ":" in text.rpartition("/")[2]


@dataclass(frozen=True, order=True)
class Reference:
    """`domain/path:tag` or `domain/path@digest`; `tag` is empty only where a digest stands."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a name as docker does: `site`, `me/site:1`, `localhost:5000/site`, `site@sha256:…`.

        Raises InvalidReferenceError with docker's words for a text that is no name.
        """
        if re.match(_ID, text):
            raise InvalidReferenceError(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
        rest, at, digest = text.partition("@")
        if at and not re.match(r"sha256:[0-9a-f]{64}\Z", digest):
            raise InvalidReferenceError(
                "invalid reference format", hint=f'"{text}" has a malformed digest: sha256: and 64 hexadecimal digits'
            )
        first, slash, remainder = rest.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first):
            domain, rest = first, remainder
        else:
            domain = HUB
        path, _, tag = rest.partition(":")
        if domain == "index.docker.io":
            domain = HUB
        if domain == HUB and "/" not in path:
            path = "library/" + path
        short = path.removeprefix("library/") if domain == HUB else path
        if short != short.lower() and re.match(_PATH, short.lower()):
            raise InvalidReferenceError(
                f"invalid reference format: repository name ({path}) must be lowercase", hint=f'write "{short.lower()}"'
            )
        if not re.match(_DOMAIN, domain) or not re.match(_PATH, path) or (":" in rest and not re.match(_TAG, tag)):
            raise InvalidReferenceError("invalid reference format", hint=f'"{text}" should look like name or name:tag, lower case')
        if len(path) > _LONGEST:
            raise InvalidReferenceError(f"repository name must not be more than {_LONGEST} characters")
        return cls(domain, path, tag or ("" if digest else "latest"), digest)

    @property
    def pinned(self) -> Reference:
        """What a store knows the image by: beside a digest a tag says nothing."""
        return Reference(self.domain, self.path, "", self.digest) if self.digest and self.tag else self

    @property
    def repository(self) -> str:
        """The name without tag, as docker shows it: `site`, `me/site`, `localhost:5000/site`."""
        if self.domain == HUB:
            short = self.path.removeprefix("library/")
            return self.path if "/" in short else short
        return f"{self.domain}/{self.path}"

    @property
    def familiar(self) -> str:
        """The name as docker shows it: `site:1`."""
        return self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        """The whole name: `docker.io/library/site:1`."""
        return f"{self.domain}/{self.path}" + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")
