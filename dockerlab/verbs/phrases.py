"""What a build says besides BuildKit's own lines, in English; a notebook has the same phrases in Korean."""

from __future__ import annotations

ENGLISH = {
    "trace container": "temporary container {name}: a writable layer above the read-only ones so far",
    "trace files": "no process runs: the files are written straight into a new layer",
    "trace changed": "it changed: {what}",
    "trace unchanged": "it changed nothing; the layer is empty",
    "trace more": "… and {n} more",
    "trace committed": "committed: layer {layer}, {size}",
    "trace removed": "temporary container {name} removed",
    "trace failed": "temporary container {name} removed, nothing committed: the step failed",
    "trace cached": "taken from the build cache: layer {layer}, {size}",
    "trace configured": "configuration only: no container, no layer",
    "trace base": "the layers of the base image are used as they are",
    "surprise": "note on line {line}: {text} (DOCKERLAB_HINTS=off for no notes)",
    "surprise command": "the new ENTRYPOINT drops the base image's CMD ({command}); write a CMD of your own if you want one",
    "surprise copied": "changing only the owner or mode of {files} file(s), such as {path}, copied their {size} into this layer; COPY --chown or --chmod writes them once",
    "surprise deleted": "deleting {path} frees nothing: {size} stay in a layer below; delete in the RUN that made it",
    "surprise secret": "the value of {name} can be read in the image's history; RUN --mount=type=secret leaves no trace",
    "reason base": "the base image is here",
    "reason same": "nothing that it depends on has changed",
    "reason asked": "--no-cache",
    "reason parent": "an earlier step ran again",
    "reason new": "not built before",
    "reason files": "changed: {what}",
    "reason variables": "build argument or variable changed: {what}",
    "reason order": "the order of variables changed",
    "reason settings": "changed for this step: {what}",
    "reason gone": "its result was removed from the cache",
    "reason untold": "the daemon does not say why it was not in the cache",
    "and more": "{shown} and {n} more",
}
"""Phrases by their keys: those of `--trace`, those of surprises, the reasons of steps."""


def english(key: str, **values: object) -> str:
    """A phrase, in English."""
    return ENGLISH[key].format(**values)
