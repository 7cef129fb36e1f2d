"""Measuring: protocol, samples, statistics and the record that they are written to (numpy only)."""
