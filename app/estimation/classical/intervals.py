"""How far measured peaks lay from the estimates, by family of mechanisms: the intervals of classical jobs.

Computed by `python -m benchmarks.accuracy_classical`, which prints this table: for each family the ratios measured / estimated of all
cases in tests/ground_truth/classical_ram*.json, all with two threads; the interval reaches from their 2.5 % to their 97.5 % quantile,
at least 4 % to each side, widened by 2 % below and 4 % above because an under-estimate is the worse error.
"""

from dataclasses import dataclass
from typing import Final

from app.estimation.classical.plan import Spread
from app.estimation.ledger import Basis, Interval, Term


@dataclass(frozen=True, slots=True)
class Residual:
    """Shares of the estimate by which the truth may lie below and above."""

    below: float
    above: float
    basis: Basis = "measured"


FAMILIES: Final = {
    "reading": Residual(0.10, 0.19),
    "transforms": Residual(0.06, 0.09),
    "linear": Residual(0.06, 0.10),
    "bayes": Residual(0.06, 0.08),
    "trees": Residual(0.08, 0.14),
    "histogram_boosting": Residual(0.06, 0.08),
    "kernels": Residual(0.07, 0.13),
    "neighbours": Residual(0.06, 0.08),
    "clustering": Residual(0.10, 0.09),
    "decomposition": Residual(0.09, 0.08),
    "text": Residual(0.11, 0.14),
    "perceptron": Residual(0.06, 0.10),
    "validation": Residual(0.06, 0.09),
    "xgboost": Residual(0.08, 0.14),
    "lightgbm": Residual(0.09, 0.21),
    "catboost": Residual(0.13, 0.11),
    "neural": Residual(0.12, 0.09),
    "polars": Residual(0.10, 0.12),
    "statistics": Residual(0.10, 0.15),  # six tables with statsmodels, outside the collection
}
UNMEASURED: Final = Residual(0.30, 0.60, "model")  # an algorithm taken to work like a measured one
UNKNOWN: Final = Residual(0.60, 2.0, "model")  # an algorithm that another one stands for


def interval(terms: tuple[Term, ...], residual: Residual, spreads: dict[str, Spread]) -> Interval:
    """The interval of a peak: the family's residual, and for terms that depend on the data their own spread instead where it is wider."""
    peak = sum(term.bytes for term in terms)
    below = sum(term.bytes * (1 - spreads[term.key].low) for term in terms if term.key in spreads)
    above = sum(term.bytes * (spreads[term.key].high - 1) for term in terms if term.key in spreads)
    return Interval(
        low_bytes=round(peak - max(peak * residual.below, below)),
        high_bytes=round(peak + max(peak * residual.above, above)),
        basis=residual.basis,
    )
