"""ONNX Runtime: what is its own, besides the contract that every runtime keeps."""

import time

import numpy as np

from restorect_edge import load


def test_threads_rest_between_images(artifact_onnx):
    """By default they spin until the next image, which costs a phone its battery and others their core."""
    image = np.full((64, 96, 3), 20, np.uint8)
    with load(artifact_onnx.path, device="cpu", threads=2) as runtime:
        spent = []
        for _ in range(5):
            runtime(image)
            begun = time.process_time()
            time.sleep(0.1)
            spent.append(time.process_time() - begun)
    assert min(spent) < 0.004
