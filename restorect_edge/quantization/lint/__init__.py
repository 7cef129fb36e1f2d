"""Rules that a quantized graph must keep."""
