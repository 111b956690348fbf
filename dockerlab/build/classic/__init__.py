"""The builder that Docker had before BuildKit, for `DOCKER_BUILDKIT=0` and `--builder classic`: lectures draw it, and it still tells a build best.

    Step 2/3 : COPY site /www        every instruction is a step, and every step makes an image on the image before it
     ---> 0c1f…                      "file:4ce5…" in its history is the digest of what was copied (sources)
    Step 3/3 : RUN make              a temporary container, above the image so far (steps)
     ---> Running in 8d2e…
     ---> Removed intermediate container 8d2e…
     ---> 77ab…                      a layer if something changed, an empty line of history if not (images)

Its differences from BuildKit are Docker's, as recorded: stages one after the other, needed or not; an ENV wins over an ARG of its name; what a RUN writes into a
VOLUME is lost; no --mount, no --chmod, no here-documents; the cache goes from image to image. Layers, containers and names are the same store's.
"""
