"""Runs ``.pt2`` files."""

from restorect_edge.inference.base import Runtime


class StubRuntime(Runtime):
    name = "stubrun"

    @classmethod
    def devices(cls):
        return ("cpu",)

    def _open(self, path):
        import torch

        return torch.export.load(path).module()

    def _run(self, session, feeds):
        import torch

        with torch.inference_mode():
            return session(*map(torch.from_numpy, feeds.values())).numpy()

    def _provider(self, session):
        return "stub runtime"
