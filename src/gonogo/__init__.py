"""gonogo answers one question about an LLM chatbot deployment: may this be promoted?

ARCHITECTURE.md tells the floors and the way of a request through them; pyproject.toml (import-linter) enforces them.
"""

__version__ = "0.1.0"
