"""The training loop: checkpoints, journal and validation."""
