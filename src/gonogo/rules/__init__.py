"""What must hold within and between files: documents in, problems out, each at its file, line and column.

A rule is a function that returns every violation it finds; an empty list means that it holds.

Forbidden here: I/O (probes read the files), pytest, thresholds (they stand in the target).
"""
