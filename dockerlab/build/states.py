"""The state after each step of a build, kept with the build cache: `docker run --step N` opens a container in it, also where the build failed.

a build: FROM busybox → state 1; RUN make → state 2; RUN false fails → the states are kept under the name of the state that it failed in
dockerlab run --step 2 NAME sh → a container above the layers of state 2, with the configuration as it was before the next step
"""

from __future__ import annotations

from typing import Any

from dockerlab.data import dataclass
from dockerlab.errors import NotFoundError, UsageError
from dockerlab.oci import HistoryEntry, ImageConfig, digest_of, own_architecture, short_id
from dockerlab.store import Store


@dataclass
class StepState:
    """What a stage was after one of its steps: `number` as in `[build 2/3]`, configuration, diff IDs of the layers (the lowest first), history."""

    stage: str
    number: int
    name: str
    config: dict[str, Any]
    layers: list[str]
    history: list[dict[str, Any]]

    def image_config(self) -> ImageConfig:
        """The state as an image."""
        return ImageConfig(
            architecture=own_architecture(),
            config=self.config,
            diff_ids=tuple(self.layers),
            history=tuple(HistoryEntry.from_json(entry) for entry in self.history),
        )


def name_of(key: str) -> str:
    """A short name for the states of a build that made no image, from the key of the state in which it ended."""
    return short_id(digest_of(key.encode()))


def remember(store: Store, name: str, states: list[StepState]) -> None:
    """Keep the states of a build: `name` is its image's ID, or what `name_of` says."""
    if states:
        store.cache.put(f"states:{short_id(name)}", {"states": [vars(state) for state in states]})


def recall(store: Store, name: str, shown: str) -> list[StepState]:
    """The states of a build. NotFoundError if nothing is known of it."""
    record = store.cache.get(f"states:{short_id(name)}")
    if record is None:
        raise NotFoundError(
            f"the steps of {shown} are not known here", hint="build it here, and not with another store; builder prune forgets steps"
        )
    return [StepState(**state) for state in record["states"]]


def choose(states: list[StepState], text: str, shown: str) -> StepState:
    """The state after step `N`, or `STAGE:N`; without a stage the last one's. UsageError for a step that is none."""
    stage, _, number = text.rpartition(":")
    wanted = stage or states[-1].stage
    for state in states:
        if state.stage == wanted and str(state.number) == number:
            return state
    steps = ", ".join(
        f"{state.number} {state.name}" if state.stage == states[-1].stage else f"{state.stage}:{state.number}" for state in states
    )
    raise UsageError(f"docker: {shown} has no step {text}", hint=f"it has {steps}")
