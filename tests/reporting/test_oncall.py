"""The page for whoever is on call."""

from typing import Any

import pytest

from gonogo.reporting.oncall import ORDER, OncallWriter, areas_of, lines_of


def check(
    check_id: str, outcome: str = "pass", reason: str = "", evidence: Any = (), instance: str = ""
) -> dict[str, Any]:
    name = f"{check_id}[{instance}]" if instance else check_id
    told = {"id": check_id, "name": name, "instance": instance, "suite": check_id.partition(".")[0], "title": "t"}
    return {**told, "outcome": outcome, "reason": reason, "evidence": list(evidence)}


def http(subject: str, status: int = 200, ms: float = 10.0) -> dict[str, Any]:
    return {"probe": "http", "subject": subject, "duration_ms": ms, "answer": {"status": status}}


def area(checks: list[dict[str, Any]], name: str) -> Any:
    return next(area for area in areas_of(checks) if area.name == name)


@pytest.mark.parametrize(
    ("check_id", "instance", "name"),
    [
        ("contract.health.truthful", "gateway", "status"),
        ("cluster.pods.ready", "", "status"),
        ("monitoring.objectives.hold", "latency p95", "latency"),
        ("monitoring.objectives.hold", "Error rate", "errors"),
        ("monitoring.objectives.hold", "memory", "watching"),
        ("monitoring.targets.up", "", "watching"),
        ("contract.stream.terminates", "", "errors"),
        ("output.reply.json", "", "quality"),
        ("agent.queue.healthy", "", "approval queue"),
        ("agent.audit.complete", "", "audit"),
        ("cluster.rollback.revision", "", "way back"),
        ("drills.history.due", "rollbacks/x", "way back"),
        ("drills.history.due", "kills/x", "status"),
    ],
)
def test_every_check_has_its_line(check_id: str, instance: str, name: str) -> None:
    found = area([check(check_id, "fail", "it is\nbroken", instance=instance)], name)
    assert found.state == "fail"
    assert found.wrong[0].endswith(": it is")


def test_the_worst_decides_and_comes_first() -> None:
    checks = [check("output.a.b", "warn", "w"), check("output.c.d", "fail", "f"), check("output.e.f")]
    found = area(checks, "quality")
    assert (found.state, found.wrong) == ("fail", ("output.c.d: f", "output.a.b: w"))
    many = area([check(f"output.a.b{n}", "fail", "f") for n in range(9)], "quality")
    assert (len(many.wrong), many.wrong[-1]) == (4, "... and 6 more")


def test_what_could_not_be_looked_at_says_why() -> None:
    due = check("drills.history.due", "skip", "never done", instance="restores/x")
    checks = [due, check("output.a.b", "skip", "no"), check("output.c.d")]
    way_back = area(checks, "way back")
    assert (way_back.state, way_back.wrong) == ("skip", ("drills.history.due[restores/x]: never done",))
    assert (area(checks, "quality").state, area(checks, "quality").wrong) == ("pass", ())
    assert area([], "audit").state == "skip"


def test_figures() -> None:
    asked = [http("POST http://g/v1/chat/completions", ms=ms) for ms in (10, 30, 50)]
    asked += [http("POST http://g/v1/chat/completions", 500, 999), http("GET http://g/health", 0)]
    told = {"fallbacks": 2, "mean_confidence": 0.8}
    checks = [
        check("contract.completion.shape", evidence=asked, instance="gateway/chat"),
        check("output.reply.json", evidence=[{"probe": "chatbot", "subject": "8 messages", "answer": told}]),
        check("agent.queue.healthy", evidence=[{"probe": "agent", "subject": "queue", "answer": {"pending": 3}}]),
    ]
    assert area(checks, "latency").figures == "gateway 30 ms"
    assert area(checks, "latency").state == "no band"
    assert area(checks, "errors").figures == "5 requests: 1 answered with 5xx, 1 not at all"
    assert area(checks, "quality").figures == "8 messages: 2 fell back, mean confidence 0.8"
    assert area(checks, "approval queue").figures == "pending 3"


def test_the_page_is_for_its_stage_only() -> None:
    verdict = {
        "stage": "oncall", "decision": "NO-GO", "finished": "2026-11-22T08:00:01+00:00", "run_id": "r", "budget": {"requests": 7},
        "binding": {"target_name": "shop | it", "environment": "production"}, "escalation": {"output.a.b": "ana"},
        "checks": [check("output.a.b", "fail", "bad | worse")],
    }  # fmt: skip
    page = OncallWriter().render(verdict)
    assert page is not None
    for told in ("# shop \\| it (production): NO-GO", "2026-11-22 08:00 UTC, run `r`, 1 checks, 7 requests", "| quality | fail |  | output.a.b: bad \\| worse |",
                 "| audit | not verified |", "* escalate output.a.b to: ana"):  # fmt: skip
        assert told in page
    assert OncallWriter().render({**verdict, "stage": "gate"}) is None
    assert [line.partition("  ")[0] for line in lines_of(verdict["checks"])] == list(ORDER)  # type: ignore[arg-type]
