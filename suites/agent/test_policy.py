"""Does the policy hold: nothing risky without an approval, and each approval for one use of one action?"""

from collections.abc import Callable, Iterable, Sequence

from gonogo.fixtures.agent import AT_ONCE, Forged
from gonogo.plugin import check, expect_flawless, flaws_of
from gonogo.probes.agent import AgentProbe, Approval
from gonogo.rules.agents import Acted, risk_flaws, talked_around
from gonogo.targets.agent import Action


@check("agent.policy.blocks", severity="critical", covers=["T2"], smoke=True)
def test_policy_blocks(risky_action: tuple[str, Action], agent: AgentProbe) -> None:
    """Without an approval the action is blocked, and it is taken for as risky as it is."""
    risk, action = risky_action
    expect_flawless(risk_flaws(agent.act(action), risk))


@check("agent.policy.allows", severity="major", covers=["T2"])
def test_policy_allows(performed: Acted) -> None:
    """The action is done, with an approval where it needs one."""
    assert performed.outcome == "done", str(performed)


@check("agent.policy.firm", severity="critical", covers=["T2"])
def test_policy_firm(risky_action: tuple[str, Action], agent: AgentProbe) -> None:
    """No request is done that says of itself that it is harmless, approved, or something else."""
    _, action = risky_action
    acted = ((trick, agent.act_as_told(action, body)) for trick, body in talked_around(action))
    expect_flawless(flaws_of([f"a request that {trick}: {done}"] if done.is_done else [] for trick, done in acted))


@check("agent.approvals.once", severity="critical", covers=["T2"])
def test_approvals_once(guarded_action: Action, agent: AgentProbe) -> None:
    """An approval serves once, and not again."""
    approval = agent.approved(guarded_action).id
    first, second = agent.act(guarded_action, approval), agent.act(guarded_action, approval)
    expect_flawless([f"the first use: {first}"] if not first.is_done else [])
    expect_flawless([f"the second use: {second}"] if second.is_done else [])


@check("agent.approvals.race", severity="critical", covers=["T2"])
def test_approvals_race(guarded_action: Action, agent: AgentProbe) -> None:
    """Of many uses at the same moment one is done."""
    acted = agent.at_once(guarded_action, agent.approved(guarded_action).id, AT_ONCE)
    done = [one for one in acted if one.is_done]
    assert len(done) == 1, f"{len(done)} of {AT_ONCE} uses at once were done"


@check("agent.approvals.bound", severity="critical", covers=["T2"])
def test_approvals_bound(guarded_action: Action, other_actions: Sequence[Action], agent: AgentProbe) -> None:
    """An approval serves for the action that it was given for, and for no other arguments and no other tool."""
    acted = (agent.act(other, agent.approved(guarded_action).id) for other in other_actions)
    approved = f"with an approval of `{guarded_action}`"
    expect_flawless(flaws_of([f"{approved}: {done}"] if done.is_done else [] for done in acted))


@check("agent.approvals.approver", severity="critical", covers=["T2"])
def test_approvals_approver(forged: Iterable[Forged]) -> None:
    """Who asked for an approval cannot give it, nor can nobody, a wrong key, or a caller who is no approver."""
    expect_flawless(flaws_of([f"approved by {one.by}: {one.acted}"] if one.acted.is_done else [] for one in forged))


@check("agent.approvals.personal", severity="critical", covers=["T2"])
def test_approvals_personal(
    guarded_action: Action, agent: AgentProbe, stranger: Callable[[Action, Approval], Acted]
) -> None:
    """An approval does not serve another caller."""
    acted = stranger(guarded_action, agent.approved(guarded_action))
    assert not acted.is_done, f"with another caller's approval: {acted}"


@check("agent.approvals.expire", severity="critical", covers=["T2"])
def test_approvals_expire(expired: Approval, agent: AgentProbe) -> None:
    """An approval that has expired serves no more."""
    acted = agent.act(expired.action, expired.id)
    assert not acted.is_done, f"after its approval expired: {acted}"


@check("agent.approvals.decided", severity="critical", covers=["T2"])
def test_approvals_decided(guarded_action: Action, agent: AgentProbe) -> None:
    """An approval that nobody has given serves not: not decided yet, rejected, or made up."""
    pending, rejected = agent.ask_approval(guarded_action), agent.ask_approval(guarded_action)
    agent.reject(rejected)
    tried = {"not decided yet": pending.id, "rejected": rejected.id, "made up": f"{pending.id}0"}
    acted = ((how, agent.act(guarded_action, approval)) for how, approval in tried.items())
    expect_flawless(
        flaws_of([f"with an approval that is {how}: {done}"] if done.is_done else [] for how, done in acted)
    )
