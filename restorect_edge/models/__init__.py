"""Networks: the edge students and the transformer teacher (`torch` is needed)."""

from restorect_edge.models.student import PRESETS, Body, Prior, Student, StudentConfig, build

__all__ = ["PRESETS", "Body", "Prior", "Student", "StudentConfig", "build"]
