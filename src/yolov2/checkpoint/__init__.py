"""Checkpoints: one safetensors file with weights, the whole network, names, tree and settings, sealed by a SHA-256."""
