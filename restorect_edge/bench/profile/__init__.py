"""Time per operation of an artifact, as its back end measures it."""
