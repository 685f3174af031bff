"""Which checks a fault is tried on in an ordinary run."""

from gonogo.faults.catalogue import all_faults
from tests.calibration.sampled import sampler

OTHERS = [f"contract.other.check_{i}" for i in range(300)]


def test_what_a_fault_declares_is_always_tried() -> None:
    for fault in all_faults().values():
        is_tried = sampler(fault)
        assert all(map(is_tried, (fault.primary, *fault.cascades)))


def test_of_the_others_each_fault_is_tried_on_another_fifth() -> None:
    first, second = (sampler(fault) for fault in list(all_faults().values())[:2])
    tried = [set(filter(is_tried, OTHERS)) for is_tried in (first, second)]
    assert all(40 < len(names) < 80 for names in tried)
    assert tried[0] != tried[1]
    assert all(any(sampler(fault)(check) for fault in all_faults().values()) for check in OTHERS)
