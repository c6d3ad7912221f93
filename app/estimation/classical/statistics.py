"""Regressions of statsmodels 0.14, which keep the design matrix, its whitened copy and its pseudo-inverse."""

from app.estimation.classical.plan import Plan, Step, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

LIBRARY = "statsmodels 0.14"


def _copies(task: Task, copies: float, label: str) -> Term:
    return product("copies", label, LIBRARY, copies=copies, rows=task.rows, columns=task.columns, bytes=8)


def _plan(task: Task, fit: tuple[Term, ...], kept: tuple[Term, ...]) -> Plan:
    rows = product("row_vectors", "Residuals, fitted values, weights", LIBRARY, rows=task.rows, vectors=6, bytes=8)
    step = Step(name="fit", transient=fit, retained=(*kept, rows))
    return Plan(family="statistics", steps=(step,), model_file_bytes=sum(term.bytes for term in kept) + rows.bytes)


def least_squares(task: Task) -> Plan:
    """OLS and its kind: the pseudo-inverse by singular values, kept with the results."""
    kept = product("pseudo_inverse", "Pseudo-inverse of the design matrix", LIBRARY, rows=task.rows, columns=task.columns, bytes=8)
    return _plan(task, (_copies(task, 2, "Singular vectors and working copy"),), (kept,))


def likelihood(task: Task) -> Plan:
    """Logit, GLM and other maximum-likelihood models: weighted copies in every iteration."""
    return _plan(task, (_copies(task, 2, "Weighted copies for the Hessian"),), ())
