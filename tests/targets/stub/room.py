"""A target for tests: PyTorch's own exported programs. Copied to a room's ``__init__.py``."""

from restorect_edge.targets.base import Backend, Need, Target


class StubTarget(Target):
    """Exported programs as files."""

    name = "stub"
    label = "Stub"
    summary = "exported programs, for tests"
    format = "pt2"
    needs = (Need("torch", "export"),)
    backends = (
        Backend(
            name="stubrun",
            label="Stub runtime",
            module=f"{__name__}.runtime",
            class_name="StubRuntime",
            extra="export",
            reads=("pt2",),
            libraries=("torch",),
        ),
    )
    verified_by = "stubrun"
    leaves_open = "a stub"
    precisions = ("fp32",)

    def next_commands(self, artifact):
        yield f"cat {artifact.path / 'stub.txt'}"
