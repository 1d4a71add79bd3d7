"""The network as data: frozen layer records with inferred shapes, the family in Python, counts.

It knows no file format and no arithmetic.
"""
