"""Many photographs: what to restore and where to, in a pipeline, with a journal to go on from and a
report."""
