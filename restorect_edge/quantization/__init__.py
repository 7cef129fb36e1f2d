"""Calibration: one INT8 form of a student, shared by every target, and the plan that describes it."""
