"""LPIPS, FID and CLIP-IQA by torchmetrics: networks whose weights are downloaded on first use.

Needs the extra ``metrics``. Without it, or without the weights, a metric that was asked for is an error.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from restorect_edge.errors import MissingDependencyError, RestorectError, UsageError
from restorect_edge.spec import ImageU8

__all__ = ["Clip", "Frechet", "MissingWeightsError", "Perceptual"]


class MissingWeightsError(MissingDependencyError):
    """A metric's library is installed, but its weights are not here and cannot be downloaded."""

    def __init__(self, metric: str, weights: str, cause: str) -> None:
        self.extra = "metrics"
        RestorectError.__init__(
            self,
            f"metric '{metric}' needs {weights}, which could not be downloaded ({cause}): run it once on "
            "a machine that is on line, or leave the metric out",
        )


class Perceptual:
    """LPIPS with VGG-16 features (Zhang et al., CVPR 2018, arXiv 1801.03924)."""

    weights = "VGG-16 weights (528 MB, download.pytorch.org)"

    def __init__(self) -> None:
        def build() -> Any:
            from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

            return LearnedPerceptualImagePatchSimilarity(net_type="vgg", normalize=True)

        self.network = _built("lpips", self.weights, build)

    def __call__(self, output: ImageU8, target: ImageU8) -> float:
        """Return the distance of two (H, W, 3) images."""
        value = float(self.network(_tensor(output) / 255, _tensor(target) / 255))
        self.network.reset()
        return value


class Clip:
    """CLIP-IQA: how much nearer an image is to "Good photo." than to "Bad photo." (arXiv 2207.12396)."""

    weights = "CLIP-IQA's CLIP weights (about 250 MB, github.com)"

    def __init__(self) -> None:
        def build() -> Any:
            from torchmetrics.multimodal import CLIPImageQualityAssessment

            return CLIPImageQualityAssessment(model_name_or_path="clip_iqa", data_range=255.0)

        self.network = _built("clip_iqa", self.weights, build)

    def __call__(self, output: ImageU8) -> float:
        """Return the quality of an (H, W, 3) image, 0 to 1."""
        value = float(self.network(_tensor(output)))
        self.network.reset()
        return value


class Frechet:
    """FID of all outputs against all targets, accumulated in memory of constant size (arXiv 1706.08500).

    Of few images it is biased upwards: only values over the same number of images compare.
    """

    weights = "FID's Inception weights (91 MB, github.com)"

    def __init__(self) -> None:
        def build() -> Any:
            from torchmetrics.image.fid import FrechetInceptionDistance

            return FrechetInceptionDistance(feature=2048)

        self.network = _built("fid", self.weights, build)
        self.pairs = 0

    def add(self, output: ImageU8, target: ImageU8) -> None:
        """Take in one pair, `output` and `target`, each (H, W, 3) of any size."""
        self.pairs += 1
        for image, real in ((output, False), (target, True)):
            self.network.update(_tensor(image).byte(), real=real)

    def value(self) -> float:
        """Return the distance over what was taken in; raise `UsageError` for fewer than two pairs."""
        if self.pairs < 2:
            raise UsageError(f"FID compares sets of images and got {self.pairs} pair; give at least two")
        return float(self.network.compute())


def _built(metric: str, weights: str, build: Callable[[], Any]) -> Any:
    with _missing(metric, weights):
        return build().eval()


@contextmanager
def _missing(metric: str, weights: str) -> Iterator[None]:
    """Turn the many ways in which a library or its weights can be absent into one error each."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(
            f"metric '{metric}'", "metrics", detail=f"{error}; it also downloads {weights}"
        ) from error
    # torchvision's compiled operators refuse another torch than theirs with a RuntimeError
    except RuntimeError as error:
        raise MissingDependencyError(
            f"metric '{metric}'", "metrics", detail=f"torchvision does not fit torch: {error}"
        ) from error
    except OSError as error:
        raise MissingWeightsError(metric, weights, str(error)) from error


def _tensor(image: ImageU8) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float()
