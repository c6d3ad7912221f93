"""Regressions of statsmodels 0.15, measured on tables of 20 and 100 columns."""

from app.estimation.classical.plan import Plan, Step, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

LIBRARY = "statsmodels 0.15.0"
LEAST_SQUARES_ROW_BYTES = 16  # residuals and whitened targets
LIKELIHOOD_ROW_BYTES = 24
GENERALIZED_COPIES, GENERALIZED_KEPT, GENERALIZED_ROW_BYTES = 10, 6, 340


def _copies(task: Task, copies: int, label: str, source: str) -> Term:
    return product("copies", label, source, copies=copies, rows=task.rows, columns=task.columns, bytes=8)


def _plan(task: Task, working: Term, kept: int, row_bytes: int) -> Plan:
    """`kept` copies of the design matrix stay with the results."""
    results = product("results", "Arrays kept with the results", LIBRARY, copies=kept, rows=task.rows, columns=task.columns, bytes=8)
    rows = product("row_vectors", "Residuals, fitted values, weights", f"{LIBRARY}; measured", rows=task.rows, bytes=row_bytes)
    step = Step(name="fit", transient=(working,), retained=(results, rows))
    return Plan(family="statistics", steps=(step,), model_file_bytes=results.bytes + rows.bytes)


def least_squares(task: Task) -> Plan:
    """OLS and its kind: the pseudo-inverse by singular values, which stays with the results."""
    source = f"{LIBRARY}, regression/linear_model.py, pinv"
    return _plan(task, _copies(task, 2, "Singular vectors and working copy", source), 1, LEAST_SQUARES_ROW_BYTES)


def likelihood(task: Task) -> Plan:
    """Logit, Probit and other maximum-likelihood models: weighted copies in every iteration."""
    source = f"{LIBRARY}, discrete/discrete_model.py"
    return _plan(task, _copies(task, 2, "Weighted copies for the Hessian", source), 0, LIKELIHOOD_ROW_BYTES)


def generalized_linear(task: Task) -> Plan:
    """GLM: reweighted least squares keep weighted matrices and pseudo-inverses with the results."""
    working = GENERALIZED_COPIES - GENERALIZED_KEPT
    source = f"{LIBRARY}, genmod/generalized_linear_model.py, _fit_irls; measured"
    return _plan(task, _copies(task, working, "Weighted matrix, its pseudo-inverse", source), GENERALIZED_KEPT, GENERALIZED_ROW_BYTES)
