"""Load generators, measured against a server that knows the truth."""
