"""Drills: steps on a timeline that break something, notice it, undo it, and measure how long that took.

Forbidden here: pytest, and knowing what runs behind an actor.
"""
