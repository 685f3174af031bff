"""Two runners on two machines exclude each other: who disrupts holds a Lease of the cluster.

As client-go's leader election does it, another holder's lease counts as over only when it was not renewed for its whole
duration while we watched: the machines' clocks need not agree.
"""

import threading
import time
from datetime import UTC, datetime

from gonogo.errors import InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.kubernetes import ClusterApi, Object, RefusedError
from gonogo.targets.cluster import Cluster

NAME = "gonogo"
DURATION_S = 30.0
_RENEWED_EVERY_S = 8.0
_POLL_S = 0.5


class Lease:
    """The Lease of one run; its workers share it."""

    def __init__(self, cluster: Cluster, context: ProbeContext, holder: str) -> None:
        """`holder` is the run's id."""
        self._cluster, self._context, self._holder = cluster, context, holder
        self._ending = threading.Event()
        self._renewer: threading.Thread | None = None

    def hold(self, timeout_s: float) -> None:
        """Take it, and renew it from now on; at once if this run holds it already.

        Raises:
            InconclusiveError: another run does not give it back in time, or the API server does not answer or refuses.
        """
        if self._renewer is not None:
            return
        try:
            with ClusterApi(self._cluster, self._context) as api:
                self._take(api, timeout_s)
        except RefusedError as error:
            raise InconclusiveError(f"the Lease {NAME} cannot be taken: {error}") from error
        self._renewer = threading.Thread(target=self._renew, daemon=True)
        self._renewer.start()

    def stop(self) -> None:
        """Renew it no more; it stays the run's until `give_back`."""
        self._ending.set()
        if self._renewer is not None:
            self._renewer.join()
            self._renewer = None

    def give_back(self) -> None:
        """Delete it, if it is this run's."""
        self.stop()
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
            if (holder in ("", self._holder) or is_over) and self._write(api, found):
                return
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"the run {holder} holds the Lease {NAME} in {self._cluster.namespace} for {timeout_s:g} s "
                    "(--lock-timeout): wait for it and rerun"
                )
            time.sleep(_POLL_S)

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
                with ClusterApi(self._cluster, self._context) as api:
                    found = api.read("Lease", NAME)
                    if found is None or found["spec"].get("holderIdentity") == self._holder:
                        self._write(api, found)
            except (InconclusiveError, RefusedError):
                continue  # the API server is away: whoever wants it must wait as well
