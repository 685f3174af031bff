"""gonogo answers one question about an LLM chatbot deployment: may this be promoted?

The floors, from the ground up (an upper one imports lower ones and never back; import-linter enforces it):
errors, redaction | documents, stream, resources | model | objectives | verdict | targets | probes | faults |
drills, loadtest, reporting | plugin.
"""

__version__ = "0.1.0"
