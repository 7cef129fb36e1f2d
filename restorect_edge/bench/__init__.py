"""Benchmarks that can be believed: a protocol, a record of it, reports, and comparison."""
