"""Quantisation-aware fine-tuning."""
