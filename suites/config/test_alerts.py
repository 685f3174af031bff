"""Can the alerts fire?"""

from gonogo.documents import Document
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_none
from gonogo.probes.commands import Commands
from gonogo.probes.files import Files
from gonogo.probes.promtool import complaints
from gonogo.rules import alerts
from gonogo.targets.files import ConfigRules, Configuration


@check("config.alerts.parse", severity="critical", covers=["D8"], permission="static", smoke=True)
def test_alerts_parse(config: Configuration, alert_files: tuple[Document, ...], commands: Commands) -> None:
    """Every Prometheus rule is PromQL, and no alert stands twice; promtool agrees where it is installed."""
    problems = alerts.unparsable(alert_files)
    expect_none(problems or complaints(config.of("alerts"), commands))


@check("config.alerts.metrics", severity="critical", covers=["D8"], permission="static", smoke=True)
def test_alerts_metrics(alert_files: tuple[Document, ...], rules: ConfigRules, files: Files) -> None:
    """Every metric that a rule reads is exported: an alert on another one can never fire."""
    if not (rules.exported_metrics or rules.metrics_pages):
        raise NotDeclared("nothing says what is exported (config.rules.metrics_pages, config.rules.exported_metrics)")
    samples = {name for page in rules.metrics_pages for name in alerts.sample_names(files.text(page))}
    expect_none(alerts.unexported(alert_files, samples, rules.exported_metrics))


@check("config.alerts.required", severity="major", covers=["D8"], permission="static", smoke=True)
def test_alerts_required(alert_files: tuple[Document, ...], rules: ConfigRules) -> None:
    """The required alerts are there, with the required severities."""
    if rules.required_alerts is None:
        raise NotDeclared("the target does not say which alerts are required (config.rules.required_alerts)")
    expect_none(alerts.missing(alert_files, rules.required_alerts))
