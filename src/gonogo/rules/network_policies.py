"""Do the network policies of a cluster allow some traffic? An analysis of the policies, not a try.

The rules are those of https://kubernetes.io/docs/concepts/services-networking/network-policies: pods that no policy
selects are open; a selected one is open to what any of its policies allows; both sides must allow it. Whether the
cluster's network enforces policies at all is not seen here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gonogo.documents import Part
from gonogo.rules.objects import name_of
from gonogo.rules.selectors import labels_of, selects
from gonogo.targets.cluster import Flow

OTHER_POLICIES = {
    "cilium.io": {"ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies"},
    "crd.projectcalico.org": {"networkpolicies", "globalnetworkpolicies"},
    "projectcalico.org": {"networkpolicies", "globalnetworkpolicies"},
    "policy.networking.k8s.io": {"adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"},
    "security.istio.io": {"authorizationpolicies"},
}
"""Policies of other kinds, by API group: they stop what NetworkPolicies allow, or the other way round."""
EVERYWHERE = {"istio-system"}
"""Namespaces whose policies may be about every other one: Istio's root namespace, as it is usually called."""


@dataclass(frozen=True)
class Network:
    """What is known of a cluster's network, as far as flows need it."""

    policies: Mapping[str, Sequence[Part]]
    """By namespace."""
    namespaces: Mapping[str, Mapping[str, str]]
    """Labels by namespace."""
    named_ports: Mapping[str, int]
    """The ports of the destination's containers by their names."""
    blocks_match: bool = False
    """Whether blocks of addresses hold the pods: their addresses change, so both answers are possible."""
    others: Sequence[str] = ()
    """Policies of other kinds, which this analysis does not read."""


def depends_on_addresses(flow: Flow, home: str, network: Network) -> bool:
    """Whether it is a block of addresses that decides about a flow: then an analysis cannot."""
    return flow_flaws(flow, home, network) != flow_flaws(flow, home, replace(network, blocks_match=True))


def flow_flaws(flow: Flow, home: str, network: Network) -> list[str]:
    """Why a flow is allowed that must not be, or the other way round.

    Args:
        flow: what must hold.
        home: the namespace of the destination, and of the source unless the flow names another.
        network: the policies.
    """
    source_space = flow.source_namespace or home
    source, destination = _End(source_space, flow.source), _End(home, flow.destination)
    barriers = [
        told
        for told in (
            _barrier("Egress", source, destination, flow.port, network),
            _barrier("Ingress", destination, source, flow.port, network),
        )
        if told
    ]
    if flow.allowed and barriers:
        return [f"must be allowed, but {' and '.join(barriers)}"]
    if not flow.allowed and not barriers:
        return ["must not be allowed, but no policy is in its way"]
    return []


@dataclass(frozen=True)
class _End:
    """One end of a flow."""

    namespace: str
    labels: Mapping[str, str]


def _barrier(direction: str, subject: _End, peer: _End, port: int, network: Network) -> str:
    """Which policies of the subject's namespace stop a flow in one direction; empty if none does."""
    selecting = [
        policy
        for policy in network.policies.get(subject.namespace, ())
        if direction in _directions(policy) and selects(policy.at("spec", "podSelector"), subject.labels)
    ]
    rules = [rule for policy in selecting for rule in policy["spec"][direction.lower()]]
    side = "from" if direction == "Ingress" else "to"
    if not selecting or any(
        _takes_peer(rule[side], subject.namespace, peer, network) and _takes_port(rule["ports"], port, network)
        for rule in rules
    ):
        return ""
    return f"no {direction.lower()} rule of {', '.join(map(name_of, selecting))} allows it"


def _directions(policy: Part) -> set[str]:
    """Which directions a policy is about; where it does not say: ingress, and egress if it has rules for it."""
    told = set(policy.at("spec", "policyTypes").texts())
    return told or {"Ingress", *(("Egress",) if "egress" in policy["spec"] else ())}


def _takes_peer(peers: Part, home: str, peer: _End, network: Network) -> bool:
    """Whether a rule is about a peer; one that names nobody is about everybody."""
    if not peers:
        return True
    for item in peers:
        if "ipBlock" in item:
            # addresses of pods change; only a block of all addresses surely holds them
            is_everybody = item.at("ipBlock", "cidr").text().endswith("/0") and not item.at("ipBlock", "except")
            if is_everybody or network.blocks_match:
                return True
            continue
        if "namespaceSelector" in item:
            in_space = selects(item["namespaceSelector"], network.namespaces.get(peer.namespace, {}))
        else:
            in_space = peer.namespace == home
        if in_space and ("podSelector" not in item or selects(item["podSelector"], peer.labels)):
            return True
    return False


def _takes_port(ports: Part, port: int, network: Network) -> bool:
    """Whether a rule is about a TCP port; one that names none is about all."""
    if not ports:
        return True
    for item in ports:
        if (item["protocol"].text() or "TCP") != "TCP":
            continue
        first = item["port"].number()
        if first is None and item["port"].text():
            first = network.named_ports.get(item["port"].text())
            if first is None:
                continue
        last = item["endPort"].number() or first
        if first is None or (last is not None and first <= port <= last):
            return True
    return False


def named_ports_of(pods: Sequence[Part], labels: Mapping[str, str]) -> dict[str, int]:
    """The named container ports of the pods that have some labels."""
    return {
        port["name"].text(): int(port["containerPort"].number() or 0)
        for pod in pods
        if labels.items() <= labels_of(pod.at("metadata", "labels")).items()
        for container in pod.at("spec", "containers")
        for port in container["ports"]
        if port["name"].text()
    }
