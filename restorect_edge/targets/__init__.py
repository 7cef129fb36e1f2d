"""Targets: a room per target, with its converter, graph passes and runtime."""
