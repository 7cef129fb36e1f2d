"""Scoring restored images: protocols, metrics, reports and picture sheets (no `torch` needed)."""
