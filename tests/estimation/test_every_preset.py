"""Every model of the library under every way of tuning: an answer, or a refusal in a sentence."""

from contextlib import suppress

import pytest

from app.architectures.library import all_models
from app.errors import RigwiseError
from app.estimation.service import estimate_document

TUNINGS = ({"method": "full"}, {"method": "lora"}, {"method": "qlora"}, {"method": "lora", "dora": True})


@pytest.mark.parametrize("tuning", TUNINGS, ids=lambda tuning: "dora" if tuning.get("dora") else tuning["method"])
def test_every_model_of_the_library_can_be_tuned_or_says_why_not(tuning: dict[str, object]) -> None:
    answered = 0
    for model in all_models():
        with suppress(RigwiseError):
            estimate_document({"kind": "training", "model": {"preset": model.id}, "micro_batch_size": 1, "tuning": tuning})
            answered += 1
    assert answered > len(all_models()) // 2
