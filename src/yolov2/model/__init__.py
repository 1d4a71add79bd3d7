"""A Network with its weights as a torch module.

This room and the torch backend are the only places that import torch.
"""
