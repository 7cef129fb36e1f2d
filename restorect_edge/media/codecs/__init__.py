"""Formats byte by byte: what Pillow drops, does not read, or does not write."""
