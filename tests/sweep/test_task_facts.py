from __future__ import annotations

from atlas.sweep.summary import FinishedSweep
from atlas.sweep.task_facts import task_facts


def test_the_facts_are_those_of_the_card_and_the_prepared_data(ended: FinishedSweep) -> None:
    prepared = ended.inputs.prepared["digits"]
    found = task_facts("digits", ended.inputs)
    assert (found.chance, found.modality) == (prepared.card.chance, prepared.card.modality)
    assert (found.fingerprint, found.counts) == (prepared.fingerprint, dict(prepared.counts))
