"""Darknet's files, read and written: .cfg, .weights, .names, .data, .tree, .map.

What they come to is a Network and arrays by layer; what runs them lives upstairs.
"""
