"""Approvals, settings and the audit log, in SQLite: one statement uses an approval up, so two uses cannot both win."""

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GENESIS = "0" * 64
"""What the first record of the chain names as the one before."""
_TABLES = """
create table if not exists approvals (
  id text primary key, asker text not null, tool text not null, arguments text not null, risk text not null,
  state text not null, asked_at real not null, expires_at real not null, decided_by text, used_at real);
create table if not exists spool (id integer primary key autoincrement, record text not null, at real not null);
create table if not exists audit (seq integer primary key, record text not null, hash text not null);
create table if not exists settings (name text primary key, value text not null);
"""


def canonical(record: Mapping[str, Any]) -> bytes:
    """JSON that everybody writes alike (RFC 8785, for texts and whole numbers)."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hash_of(record: Mapping[str, Any]) -> str:
    """A record's place in the chain: the SHA256 of all its fields but this one; the hash before is one of them."""
    return hashlib.sha256(canonical({key: value for key, value in record.items() if key != "hash"})).hexdigest()


class Store:
    """One database; every thread has a connection of its own."""

    def __init__(self, file: Path) -> None:
        self._file, self._local = file, threading.local()
        self._database().executescript(_TABLES)

    def ask(self, asker: str, tool: str, arguments: Sequence[str], risk: str, ttl_s: float) -> dict[str, Any]:
        """A new approval, still to be decided."""
        now, name = time.time(), secrets.token_hex(16)
        row = (name, asker, tool, json.dumps(list(arguments)), risk, "pending", now, now + ttl_s)
        with self._writing() as database:
            database.execute("insert into approvals values (?,?,?,?,?,?,?,?,null,null)", row)
        return self.approval(name) or {}

    def approval(self, name: str) -> dict[str, Any] | None:
        """An approval by its id."""
        found = self._database().execute("select * from approvals where id = ?", (name,)).fetchone()
        return dict(found) | {"arguments": json.loads(found["arguments"])} if found else None

    def approvals(self, state: str) -> list[dict[str, Any]]:
        """Every approval in a state, the oldest first; those that have expired are not pending any more."""
        condition = "state = ? and (state != 'pending' or expires_at > ?)"
        rows = self._database().execute(
            f"select * from approvals where {condition} order by asked_at",  # noqa: S608 (no input in it)
            (state, time.time()),
        )
        return [dict(row) | {"arguments": json.loads(row["arguments"])} for row in rows]

    def decide(self, name: str, state: str, by: str) -> bool:
        """Decide an approval that is pending; whether it was."""
        with self._writing() as database:
            statement = "update approvals set state = ?, decided_by = ? where id = ? and state = 'pending'"
            return database.execute(statement, (state, by, name)).rowcount == 1

    def use(self, name: str) -> bool:
        """Use an approval up; whether this was the one use that it has."""
        with self._writing() as database:
            statement = "update approvals set used_at = ? where id = ? and used_at is null"
            return database.execute(statement, (time.time(), name)).rowcount == 1

    def setting(self, name: str) -> str:
        """A setting's value; empty where there is none."""
        found = self._database().execute("select value from settings where name = ?", (name,)).fetchone()
        return str(found["value"]) if found else ""

    def set_setting(self, name: str, value: str) -> None:
        """Change a setting."""
        with self._writing() as database:
            database.execute("insert or replace into settings values (?, ?)", (name, value))

    def spool(self, record: Mapping[str, Any]) -> None:
        """Take an action's record, durably; `ingest` brings it into the chain."""
        with self._writing() as database:
            database.execute("insert into spool (record, at) values (?, ?)", (json.dumps(record), time.time()))

    def backlog(self) -> int:
        """How many records are not in the chain yet."""
        return int(self._database().execute("select count(*) from spool").fetchone()[0])

    def ingest(self) -> int:
        """Bring every spooled record into the chain, in order; how many there were."""
        with self._writing() as database:
            waiting = database.execute("select id, record from spool order by id").fetchall()
            last = database.execute("select seq, hash from audit order by seq desc limit 1").fetchone()
            seq, before = (last["seq"], last["hash"]) if last else (0, GENESIS)
            for row in waiting:
                seq += 1
                record = {"seq": seq, **json.loads(row["record"]), "previous": before}
                before = hash_of(record)
                database.execute("insert into audit values (?, ?, ?)", (seq, json.dumps(record), before))
                database.execute("delete from spool where id = ?", (row["id"],))
        return len(waiting)

    def audit(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Records of the chain after a number, in order."""
        statement = "select record, hash from audit where seq > ? order by seq limit ?"
        rows = self._database().execute(statement, (after, limit))
        return [json.loads(row["record"]) | {"hash": row["hash"]} for row in rows]

    def head(self) -> dict[str, Any]:
        """The number and the hash of the latest record."""
        found = self._database().execute("select seq, hash from audit order by seq desc limit 1").fetchone()
        return {"seq": found["seq"], "hash": found["hash"]} if found else {"seq": 0, "hash": GENESIS}

    def _database(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "database", None)
        if found is None:
            found = self._local.database = sqlite3.connect(self._file, timeout=30, isolation_level=None)
            found.row_factory = sqlite3.Row
            found.execute("pragma journal_mode = wal")
        return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone."""
        database = self._database()
        database.execute("begin immediate")
        try:
            yield database
        except BaseException:
            database.execute("rollback")
            raise
        database.execute("commit")
