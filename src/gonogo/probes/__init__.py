"""Probes look and record; they never judge.

A declared endpoint that refuses or hangs raises `EndpointFailedError` (the finding); a look that fails on the gate's
own side raises `InconclusiveError`.

Forbidden here: assertions about the deployment, pytest, thresholds.
"""
