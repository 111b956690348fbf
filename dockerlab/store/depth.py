"""How many layers Docker puts one above the other; more could be mounted here, but what is learnt here must be true there.

Recorded of Docker 28.5 with its overlay2: an image of up to 129 layers can be built, one of up to 127 run, and commit, load and the classic builder
make none of more than 125. (moby: layer/layer_store.go, daemon/graphdriver/overlay2)
"""

from __future__ import annotations

from dockerlab.errors import StoreError

MOST_LAYERS = 125
"""What Docker loads, commits, and builds with its classic builder."""
MOST_BELOW_A_STEP = 128
"""The layers below a step of BuildKit's."""
MOST_BELOW_A_CONTAINER = 127
"""Between the image and the container there is a layer of Docker's own."""
HINT = "several RUN and COPY can become one layer: join commands with &&, or COPY from a stage that has it all"


def check_depth(layers: int, most: int) -> None:
    """StoreError in docker's words for more layers than that."""
    if layers > most:
        raise StoreError("max depth exceeded", hint=f"there are {layers} layers, and {most} are the most here; {HINT}")
