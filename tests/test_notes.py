"""Notes on what helps and cannot be computed, each in its situation only."""

from typing import Any

import pytest

from app.estimation.service import estimate
from app.notes import notes_for
from app.workloads import parse_workload

TEXT = {"kind": "training", "model": {"preset": "google-bert/bert-base-uncased"}, "sequence_length": 128}
IMAGES = {"kind": "training", "model": {"preset": "resnet50"}, "image_size": [224, 224], "micro_batch_size": 8}
TABLE = {"kind": "classical", "library": "scikit-learn", "algorithm": "Ridge", "rows": 1000, "columns": 10}
CHAT = {"kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}}


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        (TEXT, {"fragmentation"}),
        ({**TEXT, "framework": "jax"}, set()),
        (IMAGES, {"profile-loading"}),
        ({**IMAGES, "data": {"epochs": 90}}, {"profile-loading", "measure-first"}),
        ({**IMAGES, "device": "cpu"}, set()),
        (TABLE, set()),
        ({**TABLE, "steps": ["read", "split", "fit"]}, {"free-tables"}),
        (CHAT, set()),
        ({**CHAT, "concurrent_sequences": 8}, {"measure-serving"}),
    ],
)
def test_a_note_is_told_in_its_situation_only(document: dict[str, Any], codes: set[str]) -> None:
    workload = parse_workload(document)
    found = notes_for(workload, estimate(workload))
    assert {note.code for note in found} == codes
    assert all(note.severity == "note" and note.remedy for note in found)
