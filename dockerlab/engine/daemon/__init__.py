"""The second engine: a Docker daemon, or Podman's, spoken to through the `docker` SDK, behind the same `Engine`.

DaemonEngine.open()                     finds the socket (DOCKER_HOST, context, Docker's, Podman's)
  .build(BuildOptions("."))             → POST /build, and BuildKit's trace as BuildEvents
  .create(spec) .start(id, streams)     → POST /containers/create, and a socket whose frames go to the streams
  .layer_inside("site:1", 3)            → GET /images/get once, into a store of its own, and then as on the embedded engine

connection    which daemon, and what is said where none answers
calls         one request: the daemon's refusals become our errors
names         which image a name means: the daemon's own, a registry's, the catalogue's as dockerlab.local/NAME:TAG
images        images as the protocol tells them
shadow        the files of the daemon's layers, saved from it when somebody looks into one
rewriting     FROM, COPY --from and --mount=from with the names under which the daemon has the catalogue's images
trace         BuildKit's trace of a build, as it comes from the daemon
building      a build; classic: one by the builder before BuildKit
solving       BuildKit at work, through docker's client or the socket alone
written       where the lines of an image's history stand in its Dockerfile
spoken        what the classic builder prints
containers    what a container is to be, in the API's words
attachment    streams at a container's, over one socket
life          the protocol of containers, method by method
executing     docker exec
registries    docker pull, push and login
files         docker cp, by the archives of the API
observed      processes, use of the machine, events, the disk
engine        DaemonEngine: the protocol, method by method
"""
