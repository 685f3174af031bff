"""The embedded agent orchestrator: tools that only read, a policy with approvals, an audit log that is a hash chain.

``python -m embedded.agent --port PORT --folder FOLDER``: the folder gets the database, and the workspace of its
tools.
"""
