"""Run Locust as a subprocess, read the record it writes, and decide the objectives.

Locust itself is never imported here: it monkey-patches sockets.
"""
