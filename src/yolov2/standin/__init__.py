"""Darknet's command line, taken as it stands: its words, its lines, its files. Import from the modules themselves."""
