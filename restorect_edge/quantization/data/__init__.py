"""Photographs that INT8 is calibrated on, and pairs that it is validated on."""
