"""A Network with its weights as an ONNX graph, written node by node with the onnx library. No tracing, no torch."""
