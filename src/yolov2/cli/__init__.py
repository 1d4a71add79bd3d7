"""The command line: one file a command, which parses, calls and prints.

It decides nothing that Python users would want too.
"""
