"""The target file: what a deployment is, where it is reached, what it promises and what may be done to it.

Forbidden here: network, pytest, and any judgement of the deployment.
"""
