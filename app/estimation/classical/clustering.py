"""Clustering and mixtures of scikit-learn 1.9.1."""

import math

from app.estimation.classical.inputs import SKLEARN, fitted, float_copy, row_major_copy, table_copy
from app.estimation.classical.plan import Plan, Spread, fullest, present, product
from app.estimation.classical.task import Task

SOURCE = f"{SKLEARN}, cluster"
MERGE_BYTES = 16  # the two clusters of a merge, in the saved model
LABEL_BYTES = 4  # int32 label of each row, kept in the model
KMEANS_ROW_BYTES = 44  # squared norms, weights, closest distances, their running sum, labels old and new
SPARSE_COPIES = 1.2  # beyond the copy itself; one case
MINI_BATCH_ROW_BYTES = 25
NEIGHBOUR_BYTES = 15  # int64 neighbour numbers in arrays that have doubled as they grew; six cases
LIST_BYTES = 200  # a numpy array object and its pointers for each row
EDGE_LOSS = 0.25  # of a neighbourhood's diameter that lies outside the data at each face
MOST_DIMENSIONS = 3  # tables of more columns lie near surfaces of few dimensions
USUAL_NEIGHBOURS = 50
AFFINITY_MATRICES = 4.25  # similarities, Laplacian, working copies; one case
DENSITY_TREE_BYTES = 470  # core distances, spanning tree, condensed tree of a row; one case
MIXTURE_COPIES = 5.2  # arrays of rows x components; two cases
NEIGHBOURS = Spread(0.4, 3.0, "how many neighbours lie within eps depends on the data")


def k_means(task: Task) -> Plan:
    """KMeans: a copy that is centred in place, beside it first the temporary of the variance, then the vectors of k-means++.

    Elkan's variant keeps a bound for each row and cluster.
    """
    clusters = task.count("n_clusters", 8)
    copy = table_copy(task, "working_copy", "Working copy, centred", f"{SOURCE}/_kmeans.py, copy_x=True")
    variance = table_copy(
        task, "variance", "Temporary of the variance", f"{SOURCE}/_kmeans.py, _tolerance", copies=SPARSE_COPIES if task.is_sparse else 1
    )
    trials = 2 + int(math.log(clusters))
    seeding = (
        product("seeding", "Distances to the candidates of k-means++", f"{SOURCE}/_kmeans.py", rows=task.rows, candidates=trials, bytes=8),
        product("row_vectors", "Norms, weights, distances, labels", f"{SOURCE}/_kmeans.py", rows=task.rows, bytes=KMEANS_ROW_BYTES),
    )
    bounds = product(
        "bounds",
        "Bound of each row to each cluster",
        f"{SOURCE}/_k_means_elkan.pyx",
        rows=task.rows,
        clusters=clusters if task.text("algorithm", "lloyd") == "elkan" else 0,
        bytes=task.float_bytes,
    )
    fit = (copy, *fullest((variance,), seeding, present(bounds)))
    return _labelled(task, fit, clusters)


def _labelled(task: Task, fit: tuple, clusters: int) -> Plan:  # type: ignore[type-arg]
    model = product("labels", "Label of each row", SOURCE, rows=task.rows, bytes=LABEL_BYTES)
    return fitted("clustering", task, fit, model=(model,), model_file_bytes=model.bytes + clusters * task.columns * task.float_bytes)


def mini_batch_k_means(task: Task) -> Plan:
    """MiniBatchKMeans: nothing is copied but the batch."""
    vectors = product(
        "row_vectors", "Weights, labels, validation", f"{SOURCE}/_kmeans.py; two cases", rows=task.rows, bytes=MINI_BATCH_ROW_BYTES
    )
    return _labelled(task, (vectors, *row_major_copy(task), *float_copy(task)), task.count("n_clusters", 8))


def gaussian_mixture(task: Task) -> Plan:
    """GaussianMixture: k-means first, then responsibilities of every component and their temporaries.

    Full and tied covariances project the deviations; diagonal and spherical ones need the squares of the table alone.
    """
    components = task.count("n_components", 1)
    projected = task.text("covariance_type", "full") in ("full", "tied")
    fit = (
        table_copy(task, "deviations", "Deviations and their projection, or squares", f"{SKLEARN}, mixture", copies=2 if projected else 1),
        product(
            "responsibilities",
            "Responsibilities and log-probabilities",
            f"{SKLEARN}, mixture; two cases",
            arrays=MIXTURE_COPIES,
            rows=task.rows,
            components=components,
            bytes=task.float_bytes,
        ),
    )
    return fitted("clustering", task, fit, model_file_bytes=components * task.columns * (task.columns + 2) * 8 * 2)


def dbscan(task: Task) -> Plan:
    """DBSCAN: the neighbours of every row at once. `neighbours` in the hyper-parameters says how many lie within eps inside the data."""
    neighbours = min(task.number("neighbours", USUAL_NEIGHBOURS), float(task.rows))
    dimensions = min(MOST_DIMENSIONS, task.columns)
    side = math.pow(neighbours / task.rows, 1 / dimensions)
    met = neighbours * math.pow(1 - EDGE_LOSS * side, dimensions)
    fit = (
        product(
            "neighbour_lists",
            "Neighbours of every row",
            f"{SOURCE}/_dbscan.py; six cases",
            rows=task.rows,
            neighbours=met,
            bytes=NEIGHBOUR_BYTES,
        ),
        product("list_objects", "An array object for every row", f"{SOURCE}/_dbscan.py", rows=task.rows, bytes=LIST_BYTES),
        *float_copy(task),
    )
    labels = task.rows * (8 + 8) + task.stored_values * task.item_bytes
    return fitted("clustering", task, fit, model_file_bytes=labels, spreads={"neighbour_lists": NEIGHBOURS})


def agglomerative(task: Task) -> Plan:
    """AgglomerativeClustering: two condensed distance matrices; single linkage walks a spanning tree instead."""
    if task.text("linkage", "ward") == "single" or task.value("connectivity") is not None:
        vectors = product("row_vectors", "Spanning tree", f"{SOURCE}/_agglomerative.py", rows=task.rows, bytes=64)
        return _labelled(task, (vectors,), 1)
    distances = product(
        "distances",
        "Condensed distance matrices",
        "scipy.cluster.hierarchy: pdist and its working copy",
        matrices=2,
        pairs=task.rows * (task.rows - 1) // 2,
        bytes=8,
    )
    merges = MERGE_BYTES * (task.rows - 1)
    return fitted("clustering", task, (distances,), model_file_bytes=8 * task.rows + merges)


def density_tree(task: Task) -> Plan:
    """HDBSCAN: distances to the nearest rows, a spanning tree and the tree of clusters."""
    vectors = product(
        "row_vectors", "Spanning tree and tree of clusters", f"{SOURCE}/_hdbscan; one case", rows=task.rows, bytes=DENSITY_TREE_BYTES
    )
    return _labelled(task, (vectors, *float_copy(task)), 1)


def affinity(task: Task) -> Plan:
    """Spectral clustering, affinity propagation and others that hold a similarity for every pair of rows."""
    matrices = product("affinities", "Similarity matrices", SOURCE, matrices=AFFINITY_MATRICES, entries=task.rows * task.rows, bytes=8)
    return _labelled(task, (matrices,), 1)
