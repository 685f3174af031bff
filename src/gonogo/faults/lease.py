"""Two runners on two machines exclude each other: who disrupts holds a Lease of the cluster.

As client-go's leader election does it, another holder's lease counts as over only when it was not renewed for its whole
duration while we watched: the machines' clocks need not agree. Of a run that was killed on this machine it is known at
once: its processes hold a lock on a file here as long as they live.
"""

import fcntl
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from gonogo.errors import InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import ClusterApi, Object, RefusedError
from gonogo.targets.cluster import Cluster

NAME = "gonogo"
DURATION_S = 30.0
_RENEWED_EVERY_S = 8.0
_RENEWAL_TIMEOUT_S = 5.0
_SAFE_S = 20.0
"""Who could not renew it for so long stops changing things: before others may take it."""
_POLL_S = 0.5


class Lease:
    """The Lease of one run; its workers share it."""

    def __init__(self, cluster: Cluster, context: ProbeContext, holder: str, folder: Path) -> None:
        """`holder` is the run's id; in `folder` the runs of this machine note that they live."""
        self._cluster, self._context, self._holder, self._folder = cluster, context, holder, folder
        self._living: int | None = None
        self._ending = threading.Event()
        self._renewer: threading.Thread | None = None
        self._renewed_at = 0.0
        self._lost_to = ""

    def hold(self, timeout_s: float) -> None:
        """Take it, and renew it from now on; at once if this run holds it already.

        Raises:
            InconclusiveError: another run does not give it back in time, or has taken it from this one; or the API
                server does not answer or refuses.
        """
        self.expect_held()
        if self._renewer is not None:
            return
        self.live()
        try:
            with ClusterApi(self._cluster, self._context) as api:
                self._take(api, timeout_s)
        except RefusedError as error:
            raise InconclusiveError(f"the Lease {NAME} cannot be taken: {error}") from error
        self._renewed_at, self._ending = time.monotonic(), threading.Event()
        self._renewer = threading.Thread(target=self._renew, daemon=True)
        self._renewer.start()

    @property
    def may_be_held(self) -> bool:
        """Whether this process has taken it, or runs with workers that may have."""
        return self._living is not None

    def expect_held(self) -> None:
        """Nothing, unless it was taken, and lost or about to be.

        Raises:
            InconclusiveError: it could not be renewed in time, so that another run has it now, or may take it.
        """
        silent_s = time.monotonic() - self._renewed_at
        if self._renewer is not None and silent_s > _SAFE_S:
            raise InconclusiveError(
                f"the Lease {NAME} in {self._cluster.namespace} could not be renewed for {silent_s:.0f} s: another run "
                "may take it any moment, nothing more is changed"
            )
        if self._lost_to:
            raise InconclusiveError(
                f"the run {self._lost_to} has taken the Lease {NAME} in {self._cluster.namespace}, which this one "
                f"could not renew for {DURATION_S:g} s: nothing more is changed"
            )

    def stop(self) -> None:
        """Renew it no more; it stays the run's until `give_back`."""
        self._ending.set()
        if self._renewer is not None:
            self._renewer.join()
            self._renewer = None

    def give_back(self) -> None:
        """Delete it, if it is this run's."""
        self.stop()
        self._note_of(self._holder).unlink(missing_ok=True)
        if self._living is not None:
            os.close(self._living)
            self._living = None
        with ClusterApi(self._cluster, self._context) as api:
            found = api.read("Lease", NAME)
            if found is None or found["spec"].get("holderIdentity") != self._holder:
                return
            version = {"preconditions": {"resourceVersion": found["metadata"]["resourceVersion"]}}
            try:
                api.send("DELETE", api.path("Lease", NAME), version)
            except RefusedError as error:
                if error.status not in {404, 409}:
                    raise

    def _take(self, api: ClusterApi, timeout_s: float) -> None:
        deadline, seen, seen_at = time.monotonic() + timeout_s, "", 0.0
        while True:
            found = api.read("Lease", NAME)
            holder = found["spec"].get("holderIdentity", "") if found else ""
            version = found["metadata"]["resourceVersion"] if found else ""
            if version != seen:
                seen, seen_at = version, time.monotonic()
            duration_s = float(found["spec"].get("leaseDurationSeconds") or DURATION_S) if found else 0.0
            is_over = time.monotonic() - seen_at > duration_s
            if (holder in ("", self._holder) or is_over or self._is_dead(holder)) and self._write(api, found):
                return
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"the run {holder} holds the Lease {NAME} in {self._cluster.namespace} for {timeout_s:g} s "
                    "(--lock-timeout): wait for it and rerun"
                )
            time.sleep(_POLL_S)

    def _note_of(self, holder: str) -> Path:
        return self._folder / f"{Path(holder).name}.lease"

    def live(self) -> None:
        """Note on this machine that this run lives, before it is known as a holder; until `give_back`, or its end."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._living is None:  # a worker keeps it until its process ends
            self._living = os.open(self._note_of(self._holder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._living, fcntl.LOCK_SH)

    def _is_dead(self, holder: str) -> bool:
        """Whether the holder was a run of this machine, and none of its processes lives."""
        try:
            file = self._note_of(holder).open("r+", encoding="utf-8")
        except OSError:
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # it is locked, or nobody can tell
                return False
        self._note_of(holder).unlink(missing_ok=True)
        return True

    def _write(self, api: ClusterApi, found: Object | None) -> bool:
        """Note that it is ours; false if somebody was quicker."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self._holder, "leaseDurationSeconds": int(DURATION_S), "renewTime": now}
        metadata: Object = {"name": NAME}
        if found is not None:
            metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        try:
            if found is None:
                api.send("POST", api.path("Lease"), lease)
            else:
                api.send("PUT", api.path("Lease", NAME), lease)
        except RefusedError as error:
            if error.status in {404, 409}:
                return False
            raise
        return True

    def _renew(self) -> None:
        while not self._ending.wait(_RENEWED_EVERY_S):
            try:
                with ClusterApi(self._cluster, self._context, _RENEWAL_TIMEOUT_S) as api:
                    found = api.read("Lease", NAME)
                    holder = found["spec"].get("holderIdentity") if found else None
                    if holder not in (None, "", self._holder):
                        self._lost_to = holder
                        return
                    if self._write(api, found):
                        self._renewed_at = time.monotonic()
            except Exception:  # noqa: BLE001, S112 (whatever it is, the next turn may do better; `expect_held` tells)
                continue
