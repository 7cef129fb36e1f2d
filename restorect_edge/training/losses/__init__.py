"""Losses, and the objectives that are made of them."""
