"""What must hold of an agent's answers and of its audit log."""

import hashlib
from typing import Any

import pytest

from gonogo.rules.agents import (
    GENESIS,
    Acted,
    Place,
    audit_flaws,
    chain_flaws,
    queue_flaws,
    record_hash,
    risk_flaws,
    talked_around,
    write_flaws,
)
from gonogo.targets.agent import Action, Agent
from gonogo.targets.secrets import Secret

SET = Action("settings", ("set", "a", "1"))
AGENT = Agent("http://agent", Secret("$KEY", "k"))


def chain(count: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for seq in range(1, count + 1):
        before = records[-1]["hash"] if records else GENESIS
        record = {"seq": seq, "at": f"2026-11-22T08:00:{seq:02d}+00:00", "action": f"a{seq}", "previous": before}
        records.append(record | {"hash": record_hash(record)})
    return records


def head(records: list[dict[str, Any]]) -> Place:
    return Place(records[-1]["seq"], records[-1]["hash"])


def relinked(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for i, record in enumerate(records):
        record["previous"] = records[i - 1]["hash"] if i else record["previous"]
        record["hash"] = record_hash(record)
    return records


def test_a_whole_chain_and_the_end_of_one_are_well() -> None:
    records = chain(5)
    assert chain_flaws(records, head(records)) == []
    assert chain_flaws(records[2:], head(records)) == []
    assert chain_flaws([], Place(0, GENESIS)) == []


def test_the_hash_is_that_of_rfc_8785() -> None:
    text = '{"a":[1,2],"b":"ñ"}'  # keys in order, no blanks, UTF-8
    assert record_hash({"b": "ñ", "a": [1, 2], "hash": "whatever"}) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (lambda r: r[2].update(action="other"), "record 3 is not what was hashed"),
        (lambda r: r.pop(2), "after record 2 comes 4: 1 missing"),
        (lambda r: r.insert(1, r.pop(2)), "after record 1 comes 3"),
        (lambda r: r[3].update(previous="0"), "record 4 does not name the hash of the record before it"),
        (lambda r: r.pop(), "the log says that it ends with record 5"),
        (lambda r: r[0].update(previous="f" * 64), "the first record names a hash before it"),
        (lambda r: r[2].update(seq="three"), "comes three: that is no number"),
        (lambda r: r[1].update(seq=1), "comes 1: out of order"),
        (lambda r: r[2].update(at="2026-11-22T07:00:00+00:00"), "record 3 is of 2026-11-22T07"),
        (lambda r: r[2].update(at="yesterday"), "record 3 is of yesterday"),
        (lambda r: r[2].update(action=float("nan")), "record 3 has no canonical form"),
        (lambda r: r.clear(), "the audit log is empty"),
    ],
)
def test_a_spoilt_chain(spoil: Any, wanted: str) -> None:
    records = chain(5)
    end = head(records)
    spoil(records)
    assert any(wanted in flaw for flaw in chain_flaws(records, end))


def test_a_chain_that_was_hashed_anew_is_only_seen_by_its_end() -> None:
    records = chain(5)
    end = head(records)
    records[2]["action"] = "other"
    flaws = chain_flaws(relinked(records), end)
    assert len(flaws) == 1
    assert flaws[0].startswith("the log says that it ends with record 5")


def acted(outcome: str = "done", **fields: Any) -> Acted:
    return Acted(**{"action": SET, "status": 200, "outcome": outcome, "risk": "R2", "id": "x", **fields})


def record(**fields: Any) -> dict[str, Any]:
    told = {"seq": 1, "actor": "gate", "action": "x", "tool": "settings", "arguments": ["set", "a", "1"]}
    return {**told, "risk": "R2", "outcome": "done", **fields}


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        ([], "`settings set a 1` (done): no record"),
        ([record(), record(seq=2)], "`settings set a 1` (done): 2 record"),
        ([record(outcome="refused")], "the record says outcome 'refused', it was 'done'"),
        ([record(actor="other")], "the record says actor 'other'"),
        ([record(arguments=["set"])], "the record says arguments ['set']"),
        ([record(risk="R0")], "the record says risk 'R0'"),
    ],
)
def test_an_action_and_its_record(records: list[dict[str, Any]], wanted: str) -> None:
    assert audit_flaws([acted()], [record()], "gate") == []
    assert audit_flaws([acted()], [record(actor="whoever")], "") == []
    assert any(wanted in flaw for flaw in audit_flaws([acted()], records, "gate"))


def test_records_in_another_order_than_the_actions() -> None:
    done = [acted(), acted(id="y")]
    assert audit_flaws(done, [record(), record(seq=2, action="y")], "") == []
    assert "not in the order" in audit_flaws(done, [record(seq=2), record(action="y")], "")[0]


def test_an_action_without_an_id_has_no_record() -> None:
    assert audit_flaws([acted(id="")], [record(action="")], "") == ["`settings set a 1` (done): no record"]


def test_what_a_tool_in_read_only_mode_may_not_do() -> None:
    assert write_flaws([acted("refused"), acted("", status=422)], "a", "a") == []
    assert "was done; the tool must refuse it" in write_flaws([acted()], "a", "a")[0]
    assert "was failed: no; the tool" in write_flaws([acted("failed", reason="no")], "a", "a")[0]
    assert write_flaws([acted("refused")], "a\nb", "a\nc") == ["something was written: + c; - b"]
    assert write_flaws([], "a\na", "a") == ["something was written: the same lines, otherwise"]


def test_without_an_approval() -> None:
    assert risk_flaws(acted("blocked"), "R2") == []
    assert risk_flaws(acted("blocked", risk="R3"), "R2") == []
    assert "it needs an approval" in risk_flaws(acted("refused"), "R2")[0]
    assert "is taken for R1, it is R2" in risk_flaws(acted("blocked", risk="R1"), "R2")[0]


@pytest.mark.parametrize(
    ("health", "wanted"),
    [
        (
            {"approvals": {"pending": 101, "oldest_s": 1}, "audit": {"backlog": 0}},
            "approvals.pending is 101, at most 100",
        ),
        (
            {"approvals": {"pending": 1, "oldest_s": 4000}, "audit": {"backlog": 0}},
            "oldest_s is 4000 s, at most 3600 s",
        ),
        ({"approvals": {"pending": 1, "oldest_s": 4}, "audit": {"backlog": 1001}}, "audit.backlog is 1001"),
        ({"approvals": {"pending": True, "oldest_s": 4}, "audit": {"backlog": 1}}, "no number approvals.pending"),
        ({"approvals": [], "audit": {"backlog": 1}}, "no number approvals.oldest_s"),
        ({}, "no number audit.backlog"),
    ],
)
def test_the_queue(health: dict[str, Any], wanted: str) -> None:
    assert queue_flaws({"approvals": {"pending": 0, "oldest_s": 0.0}, "audit": {"backlog": 0}}, AGENT) == []
    assert any(wanted in flaw for flaw in queue_flaws(health, AGENT))


def test_every_way_of_talking_around_is_another_one() -> None:
    bodies = [str(body) for _, body in talked_around(SET)]
    assert len(set(bodies)) == len(bodies)
    plain = {"tool": "settings", "arguments": ["set", "a", "1"]}
    assert all(body != plain for _, body in talked_around(SET))
