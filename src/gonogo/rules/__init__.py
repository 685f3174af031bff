"""What must hold of files (documents in, problems with their places out) and of answers (JSON in, flaws out).

A rule is a function that returns every violation it finds; an empty list means that it holds.

What a deployment may choose stands in the target; a limit that no good server needs is a named constant here.

Forbidden here: I/O (probes read the files), pytest.
"""
