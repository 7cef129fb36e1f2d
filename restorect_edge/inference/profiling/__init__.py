"""Profiling runtimes: which operation, and which module of the source, the time goes to."""
