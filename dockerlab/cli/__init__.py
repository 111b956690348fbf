"""The `dockerlab` command: docker's verbs, and our own: lab, tour, doctor, grade. Words and printing, nothing else."""
