"""The helper process: what runs outside the notebook's kernel, between a request and a container's process.

    serve.py       takes requests, forks a keeper for each
    keeper.py      one container's life          enter.py   one exec's life
    chroot.py      both of them, without namespaces      descendants.py   the end of all processes there
    proot.py       the same for an ordinary user         passage.py  door.py      how a process gets behind proot, and under the filter
    ground.py  namespaces.py  network.py         what a container is made of that is the same for all of them
    rootfs.py      its root                              descent.py          a way into it that nobody leads elsewhere
    init.py        the last steps before the program runs  reaper.py   --init: a process 1 that is not the program
    limits.py      control groups and resource limits    watch.py            the limits that the keeper itself keeps
    restart.py     a keeper for each run                 health.py           checks while it runs       udp.py   a published UDP port
    loop.py  streams.py  callers.py              what goes in and out, and who calls
    records.py     state.py                      what is written down
    supervisor/    owners and users where the machine gives us one ID
    kernel.py  wire.py                           system calls, messages

Everything here is imported by a bare interpreter (`-I -S -E`) in a few milliseconds, before `pivot_root` takes Python's files away: no
import inside a function that runs later (`init.import_no_more` sees to it), nothing from the rest of the package.
"""

ADDRESS = "172.17.0.2"
"""A container's own address, on its loopback: what Docker gives to the first one of its bridge. Nobody else is in its network namespace."""

WITHOUT_NAMESPACES = ("chroot", "proot")
"""Isolations where processes are this machine's, and a root is a copy."""
