"""What must hold of files (documents in, problems with their places out) and of answers (JSON in, flaws out).

A rule is a function that returns every violation it finds; an empty list means that it holds.

Forbidden here: I/O (probes read the files), pytest, thresholds (they stand in the target).
"""
