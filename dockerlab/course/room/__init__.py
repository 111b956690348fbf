"""The room in which a submission's cells run: a kernel behind walls, watched from outside, and whoever judges what it left.

    with Room.open(plan, allowance, environment) as room:
        kernel = Kernel(room)                       # forked, everything imported already
        kernel.run("1 + 1", seconds=120)            → Ran("ok", outputs=(…,))
        room.settle()                               # the kernel is gone, what else it began stands still
        room.judge(task)                            → what `judging.judge` finds, looked at from inside, but not by the kernel

    allowance     how much time, memory, disk and processes a submission may have
    walls         namespaces of its own, a machine that is read-only, folders that are not to be seen
    keeper        process 1 of the room
    kernel        from a fork of the keeper to a kernel of Jupyter's
    integrity     the machinery of a shell, as it was before any cell ran
    room, cells   the same from outside

Nothing here knows what an exercise is.
"""
