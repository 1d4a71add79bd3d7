"""Data sets: a reader for each format, one record for all of them, and what is wrong with their labels."""
