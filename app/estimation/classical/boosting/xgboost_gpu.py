"""XGBoost 3.2 with device="cuda": what its matrices, gradients and histograms take on the card.

Read from dmlc/xgboost (data/ellpack_page.cuh, common/compressed_iterator.h, tree/updater_gpu_hist.cu); no run was measured.
"""

import math

from app.estimation.classical.boosting.xgboost import bins_of, depth_of, histogram_nodes, on_gpu
from app.estimation.classical.plan import present, product
from app.estimation.classical.task import Task
from app.estimation.ledger import Term

SOURCE = "dmlc/xgboost 3.2, data/ellpack_page.cuh and tree/updater_gpu_hist.cu"
GRADIENT_BYTES = 24  # gradient pair in single precision, and as two 64-bit integers
MARGIN_BYTES = 8  # margins and labels in single precision
POSITION_BYTES = 12  # row numbers, twice while rows are partitioned, and the node of each row
HISTOGRAM_BYTES = 16  # gradient sums as two 64-bit integers
MOST_HISTOGRAM_NODES = 4096  # histograms kept before those of parents are given up
STAGED_SHARE = 0.1  # of the table in single precision, on the card at one time while bins are found


def gpu_terms(task: Task) -> tuple[Term, ...]:
    """Bytes on the card while trees grow; nothing where no GPU was asked for."""
    if not on_gpu(task):
        return ()
    total_bins = bins_of(task) * task.columns
    symbol_bits = math.ceil(math.log2(total_bins + 1))
    nodes = min(MOST_HISTOGRAM_NODES, histogram_nodes(task), 2 ** depth_of(task))
    staged = STAGED_SHARE * 4
    return present(
        product("binned", "Binned table", SOURCE, rows=task.rows, values_per_row=task.values_per_row, bytes=symbol_bits / 8),
        product(
            "staged", "Part of the table while bins are found", SOURCE, rows=task.rows, values_per_row=task.values_per_row, bytes=staged
        ),
        product("gradients", "Gradients", SOURCE, rows=task.rows, outputs=task.outputs, bytes=GRADIENT_BYTES),
        product("margins", "Margins and labels", SOURCE, rows=task.rows, outputs=task.outputs, bytes=MARGIN_BYTES),
        product("positions", "Row numbers and nodes", SOURCE, rows=task.rows, bytes=POSITION_BYTES),
        product("histograms", "Histograms of the nodes", SOURCE, nodes=nodes, bins=total_bins, bytes=HISTOGRAM_BYTES),
    )
