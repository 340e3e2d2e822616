"""Recipe -> trained model -> ONNX; the only room that imports keras."""
