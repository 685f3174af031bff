"""The checks, one folder a suite: each asks one question of one fixture, and thresholds stand in the target."""
