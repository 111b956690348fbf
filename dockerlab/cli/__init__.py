"""The `dockerlab` command: docker's verbs, and our own: lab, tour, doctor, grade, fsck, kernel. Words and printing, nothing else."""
