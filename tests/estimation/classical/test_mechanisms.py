"""Which copies and structures each algorithm makes, in examples that a reader can check by hand."""

from typing import Any

import pytest

from app.errors import InvalidInput
from app.estimation.classical import ClassicalNeed, estimate_classical
from app.estimation.classical.boosting.xgboost import histogram_nodes, sketch_bytes_per_column
from app.estimation.classical.task import Task
from app.estimation.classical.trees import EXTRA_TREES, RANDOM_FOREST, leaves
from app.units import GB, MB
from app.workloads import ClassicalWorkload, parse_workload


def workload(**document: Any) -> ClassicalWorkload:
    parsed = parse_workload({"kind": "classical", "library": "scikit-learn", "rows": 1_000_000, "columns": 20, **document})
    assert isinstance(parsed, ClassicalWorkload)
    return parsed


def need(**document: Any) -> ClassicalNeed:
    return estimate_classical(workload(**document))


def terms(**document: Any) -> dict[str, int]:
    return {term.key: term.bytes for term in need(**document).host_memory.ledger.terms}


TABLE = 1_000_000 * 20 * 8


def test_linear_regression_holds_the_table_three_times() -> None:
    found = terms(algorithm="LinearRegression", task="regression")
    assert found["data"] == found["centred"] == found["lapack_copy"] == TABLE


def test_logistic_regression_copies_nothing() -> None:
    found = terms(algorithm="LogisticRegression")
    assert sum(found.values()) - found["data"] - found["operating_system"] - found["process"] < 0.4 * TABLE


def test_a_large_forest_on_real_data_is_a_matter_of_nodes() -> None:
    found = need(algorithm="RandomForestClassifier", rows=5_000_000, columns=80, hyperparameters={"n_estimators": 1000})
    memory = found.host_memory
    assert memory.ledger.bytes_of("data") == 5_000_000 * 80 * 8
    assert 40 * GB < memory.ledger.bytes_of("tree_nodes") < 160 * GB
    assert found.model_file_bytes == memory.ledger.bytes_of("tree_nodes")
    assert memory.recommended_gb >= 128


def test_xgboost_needs_far_less_than_a_forest_of_the_same_size() -> None:
    settings = {"n_estimators": 1000}
    boosted = need(library="xgboost", algorithm="XGBClassifier", rows=5_000_000, columns=80, hyperparameters=settings).host_memory
    forest = need(algorithm="RandomForestClassifier", rows=5_000_000, columns=80, hyperparameters=settings).host_memory
    assert boosted.required_bytes < 0.2 * forest.required_bytes


def test_the_native_matrix_of_xgboost_costs_eight_bytes_a_value_more() -> None:
    native = need(library="xgboost", algorithm="DMatrix").host_memory.peak_process_bytes
    wrapped = need(library="xgboost", algorithm="QuantileDMatrix").host_memory.peak_process_bytes
    assert native - wrapped == TABLE


def test_deep_trees_of_xgboost_are_histograms() -> None:
    found = terms(library="xgboost", algorithm="QuantileDMatrix", columns=500, hyperparameters={"max_depth": 12})
    assert found["histograms"] == pytest.approx(2**12 * 500 * 256 * 16, rel=0.01)


def test_very_deep_trees_run_out_of_rows() -> None:
    deep = Task.of(workload(library="xgboost", algorithm="DMatrix", rows=100_000, hyperparameters={"max_depth": 20}))
    assert histogram_nodes(deep) < 100_000 / 10


def test_trees_on_sparse_columns_are_not_full() -> None:
    sparse = Task.of(workload(library="xgboost", algorithm="DMatrix", rows=100_000, columns=5_000, container="csr", density=0.01))
    dense = Task.of(workload(library="xgboost", algorithm="DMatrix", rows=100_000, columns=5_000))
    assert histogram_nodes(sparse) == 41
    assert histogram_nodes(dense) == 64


def test_a_sketch_grows_slowly_with_its_values() -> None:
    assert sketch_bytes_per_column(0, 256) == 0
    assert sketch_bytes_per_column(100_000, 256) < sketch_bytes_per_column(1_000_000, 256) < 4 * sketch_bytes_per_column(100_000, 256)


def test_histogram_boosting_copies_the_table_only_when_it_stops_early() -> None:
    stopping = need(algorithm="HistGradientBoostingClassifier").host_memory.peak_process_bytes
    running = need(algorithm="HistGradientBoostingClassifier", hyperparameters={"early_stopping": False}).host_memory.peak_process_bytes
    small = terms(algorithm="HistGradientBoostingClassifier", rows=10_000)
    assert stopping - running == TABLE
    assert "early_stopping_split" not in small


def test_regression_forests_grow_a_leaf_for_every_distinct_row() -> None:
    bootstrap = Task.of(workload(algorithm="RandomForestRegressor", rows=100_000, task="regression"))
    extra = Task.of(workload(algorithm="ExtraTreesRegressor", rows=100_000, task="regression"))
    assert leaves(bootstrap, RANDOM_FOREST) == 63_200
    assert leaves(extra, EXTRA_TREES) == 100_000


LIMITS = [{"max_depth": 8}, {"min_samples_leaf": 50}, {"max_leaf_nodes": 100}, {"min_samples_split": 500}, {"max_samples": 0.1}]


@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_makes_forests_smaller(limit: dict[str, Any]) -> None:
    free = Task.of(workload(algorithm="RandomForestClassifier"))
    limited = Task.of(workload(algorithm="RandomForestClassifier", hyperparameters=limit))
    assert leaves(limited, RANDOM_FOREST) < 0.5 * leaves(free, RANDOM_FOREST)


def test_noisier_labels_and_more_classes_grow_larger_trees() -> None:
    def grown(**document: Any) -> int:
        return leaves(Task.of(workload(algorithm="RandomForestClassifier", **document)), RANDOM_FOREST)

    assert grown(noise=0.1) < grown(noise=0.5) < grown(noise=1.0)
    assert grown(classes=2) < grown(classes=3) < grown(classes=10) < grown(classes=50)


def test_the_kernel_cache_is_capped() -> None:
    found = terms(algorithm="SVC", rows=100_000, hyperparameters={"cache_size": 500})
    assert found["kernel_cache"] == 500 * 2**20


def test_agglomerative_clustering_holds_two_distance_matrices_and_single_linkage_none() -> None:
    assert terms(algorithm="AgglomerativeClustering", rows=10_000)["distances"] == 8 * 10_000 * 9_999
    assert "distances" not in terms(algorithm="AgglomerativeClustering", rows=10_000, hyperparameters={"linkage": "single"})


def test_one_hot_columns_dominate() -> None:
    found = terms(library="pandas", algorithm="get_dummies", column_types={"category_text": 4}, cardinality=1000, columns=4)
    assert found["dummies"] == 1_000_000 * 4 * 1000
    assert found["frame_categories"] == 1_000_000 * 4 * 2


def test_strings_of_a_frame_are_counted_with_their_characters() -> None:
    types = {"float": 20, "category_text": 5, "string": 4}
    found = terms(algorithm="train_test_split", column_types=types, columns=29, cardinality=50)
    assert found["frame_floats"] == TABLE
    assert found["frame_categories"] == 5 * 1_000_000
    assert found["frame_strings"] == 4 * 24 * 1_000_000


def test_a_pipeline_peaks_where_most_is_alive() -> None:
    reading = need(algorithm="LogisticRegression", source_format="csv", steps=["read"], columns=5, hyperparameters={"max_iter": 5})
    scaling = need(algorithm="LogisticRegression", source_format="parquet", steps=["read", "split", "scale", "fit"])
    assert reading.peak_step == "read"
    assert scaling.peak_step == "fit"


def test_preparation_widens_what_the_model_sees() -> None:
    plain = need(algorithm="LinearRegression", column_types={"category_text": 5}, columns=5, cardinality=100)
    encoded = need(algorithm="LinearRegression", column_types={"category_text": 5}, columns=5, cardinality=100, steps=["one_hot", "fit"])
    assert encoded.host_memory.peak_process_bytes > 20 * plain.host_memory.ledger.bytes_of("centred", "lapack_copy")


def test_an_unknown_step_is_left_out_and_named() -> None:
    found = need(algorithm="LogisticRegression", steps=["read", "sprinkle", "fit"])
    assert any(finding.code == "unknown_step" and "sprinkle" in finding.message for finding in found.findings)


def test_mapped_files_are_said_to_be_reclaimable() -> None:
    found = need(algorithm="SGDClassifier.partial_fit", container="memmap", hyperparameters={"batch": 10_000})
    assert any(finding.code == "reclaimable" for finding in found.findings)
    assert found.data_bytes == TABLE


def test_chunks_keep_a_large_file_small() -> None:
    whole = need(library="pandas", algorithm="read_csv", source_format="csv", rows=10_000_000).host_memory.peak_process_bytes
    chunked = need(
        library="pandas", algorithm="read_csv", source_format="csv", rows=10_000_000, hyperparameters={"chunksize": 100_000}
    ).host_memory.peak_process_bytes  # fmt: skip
    assert chunked < 250 * MB < 5 * GB < whole


def test_workers_of_a_grid_search_hold_their_folds() -> None:
    alone = need(algorithm="GridSearchCV", hyperparameters={"base": "logreg"}).host_memory.peak_process_bytes
    two = need(algorithm="GridSearchCV", hyperparameters={"base": "logreg"}, n_jobs=2).host_memory.peak_process_bytes
    four = need(algorithm="GridSearchCV", hyperparameters={"base": "logreg"}, n_jobs=4).host_memory.peak_process_bytes
    assert alone < two < four


def test_all_processors_count_as_eight_workers() -> None:
    everything = need(algorithm="RandomForestClassifier", n_jobs=-1).host_memory.peak_process_bytes
    assert everything == need(algorithm="RandomForestClassifier", n_jobs=8).host_memory.peak_process_bytes


def test_shuffling_in_pytorch_costs_a_python_list_of_all_rows() -> None:
    found = terms(library="pytorch", algorithm="MLP", rows=10_000_000, dtype="float32", hyperparameters={"hidden": [64], "batch": 256})
    assert found["sampler"] == 480 * MB


def test_adam_keeps_two_states_and_sgd_none() -> None:
    adam = terms(library="pytorch", algorithm="MLP", hyperparameters={"hidden": [4096, 4096], "optimizer": "adam"})
    plain = terms(library="pytorch", algorithm="MLP", hyperparameters={"hidden": [4096, 4096], "optimizer": "sgd"})
    assert adam["weights"] == 2 * plain["weights"]


UNUSABLE = [
    ("n_estimators", "many"),
    ("n_estimators", -5),
    ("max_depth", True),
    ("hidden_layer_sizes", "wide"),
    ("hidden_layer_sizes", [0]),
]


@pytest.mark.parametrize(("name", "value"), UNUSABLE)
def test_a_hyperparameter_that_cannot_be_used_is_named(name: str, value: object) -> None:
    algorithm = "MLPClassifier" if name == "hidden_layer_sizes" else "RandomForestClassifier"
    with pytest.raises(InvalidInput) as raised:
        need(algorithm=algorithm, hyperparameters={name: value})
    assert raised.value.errors[0].path == f"hyperparameters.{name}"


def test_absurd_sizes_are_answered_at_once() -> None:
    found = need(library="xgboost", algorithm="XGBClassifier", rows=10**12, columns=10**8, hyperparameters={"max_depth": 10**9})
    assert found.host_memory.recommended_gb > 10**9
