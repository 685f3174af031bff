"""Without Kubernetes: do the services run, quietly, on a machine that has something left?"""

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.fixtures.hosts import Measured, Supervised
from gonogo.objectives import Decided
from gonogo.plugin import check, expect_flawless, settle
from gonogo.rules.logs import error_lines, told
from gonogo.targets.host import Host


@check("cluster.services.active", severity="critical", covers=["K9"], smoke=True)
def test_services_active(host_service: Supervised) -> None:
    """The service is active, as its supervisor tells."""
    assert host_service.state.running, f"{host_service.name} does not run"


@check("cluster.services.stable", severity="major", covers=["K9", "K2"])
def test_services_stable(host_service: Supervised) -> None:
    """The service is not being started again and again: it is the same process a moment later."""
    before, after = host_service.state, host_service.look_again()
    assert after.running, f"{host_service.name} does not run any more"
    if not (before.pid and after.pid):
        raise InconclusiveError(f"its supervisor tells no process of {host_service.name}")
    assert before.pid == after.pid, f"{host_service.name} was restarted meanwhile"


@check("cluster.services.quiet", severity="major", covers=["K9"])
def test_services_quiet(host_service: Supervised, host: Host) -> None:
    """The service has logged no error, as far as its supervisor keeps its output."""
    log = host_service.log
    if not log:
        raise NotDeclared(f"the supervisor keeps no output of {host_service.name}")
    expect_flawless(told(error_lines(log, host.error_lines, host.allowed_lines)))


@check("cluster.host.resources", severity="major", covers=["K9"])
def test_host_resources(host_resource: Measured) -> None:
    """The machine has enough of the resource left; what the gate itself takes decides nothing."""
    usage = host_resource.usage
    shown = f"{usage.used:.1%} of the {host_resource.name} is used"
    shown += f", {usage.ours:.1%} by this run" if usage.ours else ""
    settle(Decided(host_resource.band.judge_interval(usage.theirs, usage.used), shown))
