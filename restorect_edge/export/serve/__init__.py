"""Model repositories for inference servers, made beside an artifact: Triton's, OpenVINO Model Server's."""

from restorect_edge.export.serve.repository import SERVERS, check_servable, model_repository

__all__ = ["SERVERS", "check_servable", "model_repository"]
