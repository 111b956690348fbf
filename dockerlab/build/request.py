"""What is to be built: a Dockerfile, a context, and everything that the flags of a build say."""

from __future__ import annotations

from collections.abc import Mapping

from dockerlab.build.context import BuildContext
from dockerlab.build.plan import PROXIES, Plan
from dockerlab.data import dataclass, field
from dockerlab.dockerfile import Dockerfile
from dockerlab.errors import BuildError


@dataclass(frozen=True)
class BuildRequest:
    """What is to be built. `environment` is the client's: where `--build-arg NAME` takes its value, and the proxies theirs."""

    dockerfile: Dockerfile
    context: BuildContext
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str = "default"
    platform: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    add_hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, BuildContext | str] = field(default_factory=dict)
    """Folders and images that --from and FROM find under these names (lower case)."""
    trace: bool = False
    """Tell also what each step changed, and what changed only the configuration."""
    apart: bool = False
    """Tell what a RUN writes to standard error from what it writes to standard output."""
    classic: bool = False
    """Build as Docker did before BuildKit."""

    def plan(self) -> Plan:
        """Which stages it needs. BuildError, ValueError for what makes no sense."""
        names = {name: other if isinstance(other, str) else "" for name, other in self.contexts.items()}
        return Plan(self.dockerfile, self.target, self.argument, self.platform, names)

    def argument(self, name: str) -> str | None:
        """What --build-arg gave for a name; without a value it is the client's variable. The client passes SOURCE_DATE_EPOCH on by itself."""
        if name not in self.build_args:
            return self.environment.get(name) if name == "SOURCE_DATE_EPOCH" else None
        value = self.build_args[name]
        return self.environment.get(name) if value is None else value

    def hosts(self) -> tuple[tuple[str, str], ...]:
        """--add-host as (address, name)."""
        return tuple((address, name) for name, _, address in (entry.replace("=", ":", 1).partition(":") for entry in self.add_hosts))

    def proxies(self) -> dict[str, str]:
        """Proxy variables of the client, for RUN; never recorded."""
        out = {name: self.environment[name] for name in PROXIES if self.environment.get(name)}
        for name in PROXIES:
            if (value := self.argument(name)) is not None:
                out[name] = out[name.swapcase()] = value  # programs look at one or the other
        return out


def epoch_of(request: BuildRequest) -> int | None:
    """SOURCE_DATE_EPOCH as a number. BuildError in BuildKit's words for anything else."""
    text = request.argument("SOURCE_DATE_EPOCH") or ""
    if not text:
        return None
    if not text.lstrip("-").isdigit():
        raise BuildError(
            f'invalid SOURCE_DATE_EPOCH: {text}: strconv.ParseInt: parsing "{text}": invalid syntax',
            hint="seconds since 1970, such as $(date +%s)",
        )
    return int(text)
