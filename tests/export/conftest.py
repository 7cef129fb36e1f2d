"""What the tests of this folder share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """The folder of two smooth colored pictures, 72x96."""
    folder = tmp_path_factory.mktemp("photographs")
    for index in range(2):
        small = np.random.default_rng(index).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(small).resize((96, 72), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder
