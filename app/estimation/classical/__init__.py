"""Classical machine learning: one readable formula for each algorithm, a ledger for each step, the peak over the steps."""

from app.estimation.classical.estimator import ClassicalNeed, estimate_classical

__all__ = ["ClassicalNeed", "estimate_classical"]
