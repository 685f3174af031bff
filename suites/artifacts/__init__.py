"""Suite artifacts: files and records of models."""
