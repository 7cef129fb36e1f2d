"""The training loop: checkpoints, journal, validation and interruption."""
