"""Whether a pick outlives a month of price moves, in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.contexts.values import Document, money_of, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceProofView:
    """The sentence, whether it is a warning, and what the judgement leaves out."""

    text: str
    flips: bool
    unknown: str


def price_proof_view(proofs: Sequence[Document]) -> PriceProofView | None:
    """The worst of the proofs of one machine, one for each of its roles; None where the answer is from before there were any."""
    if not proofs:
        return None
    worst = next((proof for proof in proofs if proof["survives"] is False), proofs[0])
    return PriceProofView(text=_text(worst), flips=worst["survives"] is False, unknown=_unknown(worst))


def _text(proof: Document) -> str:
    rise = whole(money_of(proof["rise"]))
    if proof["survives"] is None:
        known = money_of(proof["known"])
        only = f"Too few past prices to judge whether it stays the pick: known of {whole(known)} of its price"
        return only if known.minor else "No past prices to judge whether it stays the pick"
    if proof["survives"]:
        return f"Stays the pick if its prices rise as in a usual month (+{rise})"
    if not proof["becomes"]:
        return f"A usual month of price moves (+{rise}) would put it over the budget"
    return f"A usual month of price moves (+{rise}) would make {proof['becomes']} the pick"


def _unknown(proof: Document) -> str:
    return f"too little price history of {', '.join(proof['no_history'])}" if proof["no_history"] and proof["survives"] is not None else ""
