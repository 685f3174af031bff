"""Do the agent's tools read, and nothing else?"""

from collections.abc import Sequence

from gonogo.fixtures.agent import Attempts
from gonogo.plugin import check, expect_flawless
from gonogo.probes.agent import AgentProbe
from gonogo.rules.agents import write_flaws
from gonogo.targets.agent import AgentTool


@check("agent.tools.read", severity="major", covers=["T1"], smoke=True)
def test_tools_read(agent_tool: AgentTool, agent: AgentProbe) -> None:
    """The tool works in read-only mode, and says something."""
    acted = agent.act(agent_tool.read)
    assert acted.outcome == "done", str(acted)
    assert acted.output.strip(), f"`{agent_tool.read}` says nothing"


@check("agent.tools.cannot_write", severity="critical", covers=["T1"])
def test_tools_cannot_write(write_attempts: Attempts) -> None:
    """The tool itself refuses to write, even what was approved, and nothing is written."""
    expect_flawless(write_flaws(write_attempts.acted, write_attempts.before, write_attempts.after))


@check("agent.access.keyed", severity="critical", covers=["T2", "S1"], smoke=True)
def test_access_keyed(agent_intruders: Sequence[tuple[str, int]]) -> None:
    """Without a key, or with a wrong one, nothing can be asked of the agent, and nothing read."""
    expect_flawless([f"{what}: HTTP {status}" for what, status in agent_intruders if status not in {401, 403}])
