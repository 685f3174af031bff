"""The agent's deviations."""

FAULTS: dict[str, str] = {
    # the tools
    "git-broken": "git fails",
    "git-options": "git looks at the command only: its options may write files",
    "git-writes": "git takes every command",
    "kubectl-writes": "kubectl creates and deletes",
    "tests-in-place": "tests run in the workspace itself, and leave there what they write",
    "tool-says-refused": "git says that it refuses, and does it",
    # the policy
    "policy-odd-names": "a tool whose name is spelt in capitals is none that the policy knows, and may do anything",
    "policy-open": "nothing needs an approval",
    "policy-open-r3": "R3 needs no approval",
    "policy-says-blocked": "what is done without an approval is called blocked",
    "policy-shut": "approvals do not help",
    "policy-shuts-reads": "reading needs an approval",
    "policy-talked-around": "a request may say its own risk",
    # the approvals
    "approval-any-action": "an approval serves for any action",
    "approval-any-arguments": "an approval serves for any arguments of its tool",
    "approval-any-approver": "every caller may approve what others ask for",
    "approval-borrowed": "an approval serves another caller",
    "approval-forever": "approvals do not expire",
    "approval-guessed": "an approval that nobody gave is taken",
    "approval-own": "callers may approve what they asked for",
    "approval-pending": "an approval is taken before it is decided",
    "approval-race": "two uses at once both win",
    "approval-rejected": "a rejected approval is taken",
    "approval-reused": "an approval serves again and again",
    "queue-hides": "the queue shows nothing",
    "queue-keeps": "decided approvals stay in the queue",
    "queue-stuck": "the oldest approval waits for three hours",
    # the audit
    "audit-backlog": "5,000 records wait for ingestion",
    "audit-deletable": "records can be deleted",
    "audit-edited": "a record's outcome was changed",
    "audit-forgets-blocked": "what was blocked has no record",
    "audit-gap": "a record is not there",
    "audit-late": "records come half a minute late",
    "audit-relinked": "a record was taken out, and those after it renumbered and hashed anew",
    "audit-reordered": "two records have changed places",
    "audit-rewritten": "the whole chain is hashed anew at each look, with another first record",
    "audit-tells-key": "a record holds a caller's key",
    "audit-wrong-actor": "every record names the same caller",
    "audit-wrong-outcome": "what was blocked is recorded as done",
    # who comes in
    "keyless": "no key is needed",
}
