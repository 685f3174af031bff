"""A REST service in front of a model, as deployments of kind E have: its own routes, health, metrics and documents.

Run as ``python -m embedded.service --port N``. Deviations are switched on by name through ``/control/faults/<name>``.
"""
