"""Verbs that Docker has and dockerlab has not: for each the reason, and what to do instead."""

from __future__ import annotations

from dockerlab.errors import UsageError

_REGISTRY = "only whole images are brought from a registry and to one"
_SIGNED = "signatures are not looked at"
_BUILDER = "there is one builder, dockerlab's own, and it is always there"
_ONE_MACHINE = "a swarm is several machines with Docker's daemon, and here is one without"
_REASONS: dict[str, tuple[str, str]] = {
    "search": (
        "no registry is searched",
        "look at hub.docker.com; dockerlab pull NAME brings an image whose name you know",
    ),
    "manifest": (_REGISTRY, "dockerlab image inspect shows the configuration of an image that is here"),
    "trust": (_SIGNED, "an image is what its ID says: dockerlab images --no-trunc"),
    "update": (
        "a container keeps what it was made with",
        "make it anew: dockerlab run with the limits or the restart policy that it should have",
    ),
    "container update": ("a container keeps what it was made with", "make it anew: dockerlab run with what it should have"),
    "plugin": ("plugins are programs of Docker's daemon, and here is none", "volumes are folders, logs are files; both need no plugin"),
    "swarm": (_ONE_MACHINE, "dockerlab run starts a container on this machine"),
    "node": (_ONE_MACHINE, "dockerlab info tells of this machine"),
    "service": (_ONE_MACHINE, "dockerlab run -d starts a container that goes on"),
    "stack": (_ONE_MACHINE, "dockerlab run -d starts a container that goes on"),
    "config": (_ONE_MACHINE, "a file can be mounted: dockerlab run -v FILE:/path:ro"),
    "secret": (_ONE_MACHINE, "for a build: dockerlab build --secret id=NAME,src=FILE"),
    "bake": ("files for bake are not read", "dockerlab build --target NAME builds one target"),
    "builder bake": ("files for bake are not read", "dockerlab build --target NAME builds one target"),
    "buildx bake": ("files for bake are not read", "dockerlab build --target NAME builds one target"),
    "builder du": ("the cache is listed elsewhere", "dockerlab system df -v lists the build cache"),
    "buildx du": ("the cache is listed elsewhere", "dockerlab system df -v lists the build cache"),
    "builder history": ("finished builds are not kept", "dockerlab build --trace shows a build in every detail"),
    "buildx history": ("finished builds are not kept", "dockerlab build --trace shows a build in every detail"),
    "builder imagetools": (_REGISTRY, "dockerlab image inspect shows the configuration of an image that is here"),
    "buildx imagetools": (_REGISTRY, "dockerlab image inspect shows the configuration of an image that is here"),
    **{
        f"{group} {verb}": (_BUILDER, "dockerlab build uses it; dockerlab version tells which it is")
        for group in ("builder", "buildx")
        for verb in ("create", "dial-stdio", "inspect", "ls", "rm", "stop", "use", "version", "install", "uninstall")
    },
}


def refusal(words: list[str]) -> UsageError | None:
    """Why this verb of Docker's is not here; None for words that Docker doesn't know either."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in _REASONS and len(words) >= count:
            why, instead = _REASONS[name]
            return UsageError(f"dockerlab has no `docker {name}`: {why}", hint=instead, exit_code=1)
    return None
