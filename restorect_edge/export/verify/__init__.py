"""Verification of an artifact against the network that it was made from."""
