"""What must hold for every algorithm of every library, whatever the table."""

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.estimation.classical import ClassicalNeed, estimate_classical
from app.estimation.classical.registry import LIBRARIES
from app.workloads import ClassicalWorkload, parse_workload

ALGORITHMS = [(library, name) for library, (algorithms, _) in LIBRARIES.items() for name in algorithms]
TEXT = ("TfidfVectorizer", "CountVectorizer", "HashingVectorizer")
SOLVER_CHANGES = ("PCA",)  # svd_solver="auto" takes the covariance, which needs no copy, from ten rows a column on
# Estimators that convert any other type to double precision, so that a float32 table is held twice.
CONVERT_TO_DOUBLE = (
    "HistGradient", "KNeighbors", "NearestNeighbors", "Radius", "NearestCentroid", "KernelDensity", "LinearSV", "StandardScaler", "scale",
)  # fmt: skip
GROWTH = 1.02  # solvers and exact array sizes change at certain shapes: a smaller table may cost up to this much more


def need(**document: Any) -> ClassicalNeed:
    workload = parse_workload(
        {"kind": "classical", "library": "scikit-learn", "algorithm": "LinearRegression", "rows": 100_000, **document}
    )
    assert isinstance(workload, ClassicalWorkload)
    return estimate_classical(workload)


def peak(**document: Any) -> int:
    return need(**document).host_memory.peak_process_bytes


rows = st.integers(1_000, 20_000_000)
columns = st.integers(1, 2_000)
algorithms = st.sampled_from(ALGORITHMS)
dtypes = st.sampled_from(["float64", "float32", "int64", "int32", "uint8", "bool"])
containers = st.sampled_from(["numpy", "dataframe", "memmap"])


@given(algorithm=algorithms, rows=rows, columns=columns, dtype=dtypes, container=containers, classes=st.integers(2, 50))
@settings(max_examples=300)
def test_terms_sum_to_what_is_required_and_none_is_negative(
    algorithm: tuple[str, str], rows: int, columns: int, dtype: str, container: str, classes: int
) -> None:
    found = need(
        library=algorithm[0], algorithm=algorithm[1], rows=rows, columns=columns, dtype=dtype, container=container, classes=classes
    )  # fmt: skip
    memory = found.host_memory
    assert sum(term.bytes for term in memory.ledger.terms) == memory.required_bytes
    assert all(term.bytes >= 0 and term.formula and term.source and term.label for term in memory.ledger.terms)
    assert memory.required_bytes - memory.ledger.bytes_of("operating_system") == memory.peak_process_bytes
    assert 0 <= memory.interval.low_bytes <= memory.peak_process_bytes <= memory.interval.high_bytes
    assert memory.recommended_gb * 2**30 >= memory.required_bytes
    assert found.model_file_bytes >= 0
    assert found.data_bytes >= 0


@given(algorithm=algorithms, rows=rows, columns=columns, factor=st.integers(2, 10))
@settings(max_examples=300)
def test_more_rows_never_need_less(algorithm: tuple[str, str], rows: int, columns: int, factor: int) -> None:
    library, name = algorithm
    assume(name not in SOLVER_CHANGES)
    small = peak(library=library, algorithm=name, rows=rows, columns=columns)
    assert peak(library=library, algorithm=name, rows=factor * rows, columns=columns) * GROWTH >= small


@given(algorithm=algorithms, rows=rows, columns=columns, factor=st.integers(2, 10))
@settings(max_examples=300)
def test_more_columns_never_need_less(algorithm: tuple[str, str], rows: int, columns: int, factor: int) -> None:
    library, name = algorithm
    assume(name not in SOLVER_CHANGES)
    small = peak(library=library, algorithm=name, rows=rows, columns=columns)
    assert peak(library=library, algorithm=name, rows=rows, columns=factor * columns) * GROWTH >= small


@given(algorithm=algorithms, rows=rows, columns=columns)
@settings(max_examples=300)
def test_single_precision_never_needs_more_than_double_unless_it_is_converted(algorithm: tuple[str, str], rows: int, columns: int) -> None:
    library, name = algorithm
    single = need(library=library, algorithm=name, rows=rows, columns=columns, dtype="float32")
    double = need(library=library, algorithm=name, rows=rows, columns=columns, dtype="float64")
    assert single.data_bytes <= double.data_bytes
    if not name.startswith(CONVERT_TO_DOUBLE):
        assert single.host_memory.peak_process_bytes <= double.host_memory.peak_process_bytes


@pytest.mark.parametrize("source", ["csv", "parquet"])
@given(rows=rows, columns=columns)
def test_reading_a_file_needs_more_than_its_frame(source: str, rows: int, columns: int) -> None:
    assert peak(library="pandas", algorithm=f"read_{source}", rows=rows, columns=columns, source_format=source) > rows * columns * 8


@pytest.mark.parametrize(("library", "algorithm"), ALGORITHMS)
def test_every_listed_algorithm_has_an_estimate_of_its_own(library: str, algorithm: str) -> None:
    found = need(library=library, algorithm=algorithm, rows=50_000, columns=30)
    assert "unknown_algorithm" not in {finding.code for finding in found.findings}
    assert found.host_memory.peak_process_bytes > 50 * 10**6


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_unknown_algorithm_gets_a_wide_estimate_and_says_so(library: str) -> None:
    found = need(library=library, algorithm="SomethingNobodyWrote", rows=50_000, columns=30)
    memory = found.host_memory
    assert "unknown_algorithm" in {finding.code for finding in found.findings}
    assert memory.interval.high_bytes >= 2.5 * memory.peak_process_bytes
    assert memory.interval.basis == "model"


@pytest.mark.parametrize(
    "written", ["randomforestclassifier", "random_forest_classifier", "RandomForestClasifier", "ensemble.RandomForestClassifier"]
)
def test_names_are_found_in_other_spellings(written: str) -> None:
    exact = peak(algorithm="RandomForestClassifier", columns=20)
    assert peak(algorithm=written, columns=20) == exact


def test_text_grows_with_documents_and_words() -> None:
    for algorithm in TEXT:
        small = peak(algorithm=algorithm, documents=50_000, words_per_document=50, vocabulary=30_000)
        assert peak(algorithm=algorithm, documents=100_000, words_per_document=50, vocabulary=30_000) > small
        assert peak(algorithm=algorithm, documents=50_000, words_per_document=150, vocabulary=30_000) > small
