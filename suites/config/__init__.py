"""Suite config: configuration files."""
