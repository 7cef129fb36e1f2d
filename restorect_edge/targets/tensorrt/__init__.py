"""TensorRT: an ONNX file whose engine is built on the device."""
