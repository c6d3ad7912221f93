"""Options for classical machine learning and tables: narrower, sparse, in pieces, or another algorithm of the same kind."""

from collections.abc import Mapping

from app.adjustments.option import Harm, Option, halved, set_to, switched
from app.units import GB
from app.workloads import ClassicalWorkload

HISTOGRAM_METHODS: Mapping[str, str] = {
    "GradientBoostingClassifier": "HistGradientBoostingClassifier",
    "GradientBoostingRegressor": "HistGradientBoostingRegressor",
    "DMatrix": "QuantileDMatrix",
}
# The same kind of model fitted batch by batch, or without a matrix of all distances. Source: scikit-learn user guide, "Strategies to
# scale computationally" and the pages of the estimators.
FRUGAL_RELATIVES: Mapping[str, str] = {
    "KMeans": "MiniBatchKMeans",
    "NMF": "MiniBatchNMF",
    "DictionaryLearning": "MiniBatchDictionaryLearning",
    "SparsePCA": "MiniBatchSparsePCA",
    "DBSCAN": "HDBSCAN",
    "SpectralClustering": "MiniBatchKMeans",
    "AgglomerativeClustering": "MiniBatchKMeans",
    "LinearSVC": "SGDClassifier",
    "SVC": "SGDClassifier",
    "SVR": "SGDRegressor",
    "LinearRegression": "SGDRegressor",
    "Ridge": "SGDRegressor",
    "Lasso": "SGDRegressor",
    "ElasticNet": "SGDRegressor",
    "TfidfVectorizer": "HashingVectorizer",
    "CountVectorizer": "HashingVectorizer",
}
# Models that scikit-learn can fit piece by piece, so that only one piece of the table is in memory (partial_fit).
STREAMED: Mapping[str, str] = {
    "LogisticRegression": "SGDClassifier.partial_fit",
    "SGDClassifier": "SGDClassifier.partial_fit",
    "LinearSVC": "SGDClassifier.partial_fit",
    "LinearRegression": "SGDRegressor.partial_fit",
    "Ridge": "SGDRegressor.partial_fit",
    "SGDRegressor": "SGDRegressor.partial_fit",
}
STREAMED_ROWS = 100_000
ITEM_BYTES: Mapping[str, int] = {
    "float64": 8, "float32": 4, "float16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip
NARROWER: Mapping[str, str] = {"float64": "float32", "int64": "int32"}
CSV_CHUNK_ROWS = 100_000


def _histogram(job: ClassicalWorkload) -> Mapping[str, object] | None:
    name = HISTOGRAM_METHODS.get(job.algorithm)
    return {"algorithm": name, "hyperparameters": {}} if name else None


def _frugal(job: ClassicalWorkload) -> Mapping[str, object] | None:
    name = FRUGAL_RELATIVES.get(job.algorithm) if job.library == "scikit-learn" else None
    return {"algorithm": name, "hyperparameters": {}} if name else None


def _piece_by_piece(job: ClassicalWorkload) -> Mapping[str, object] | None:
    """The whole table stays on disk; what is fitted at a time is one piece of it."""
    name = STREAMED.get(job.algorithm) if job.rows > STREAMED_ROWS else None
    if not name:
        return None
    table_gb = job.data.bytes / GB or job.rows * job.columns * ITEM_BYTES[job.dtype] / GB
    return {"algorithm": name, "hyperparameters": {}, "rows": STREAMED_ROWS, "data.size_gb": table_gb}


def _binned(job: ClassicalWorkload) -> Mapping[str, object] | None:
    exact = job.library == "xgboost" and job.hyperparameters.get("tree_method") == "exact"
    return {"hyperparameters.tree_method": "hist"} if exact else None


def _categories(job: ClassicalWorkload) -> Mapping[str, object] | None:
    """Texts with few distinct values as pandas categories: one small number each."""
    texts = job.column_types.category_text if job.column_types else 0
    reads = job.algorithm in {"read_csv", "read_parquet"} and not job.hyperparameters.get("category")
    return {"hyperparameters.category": True} if texts and reads else None


def _chunks(job: ClassicalWorkload) -> Mapping[str, object] | None:
    reads = job.algorithm == "read_csv" and "chunksize" not in job.hyperparameters
    return {"hyperparameters.chunksize": CSV_CHUNK_ROWS} if reads else None


def _narrow(job: ClassicalWorkload) -> Mapping[str, object] | None:
    return {"dtype": NARROWER[job.dtype]} if job.dtype in NARROWER else None


def _mostly_zero(job: ClassicalWorkload) -> bool:
    """A CSR matrix keeps an index beside each number: it is smaller below about two thirds of non-zeros, much smaller below a third."""
    return job.density < 1 / 3 and job.container != "csr"


CLASSICAL: tuple[Option[ClassicalWorkload], ...] = (
    Option(label="numbers in 32 bits", fields=_narrow, harm=Harm.ROUNDED),
    Option(label="the histogram method {}", fields=_histogram, harm=Harm.ROUNDED),
    Option(label="the histogram method in place of exact splits", fields=_binned, harm=Harm.ROUNDED),
    Option(label="{}, which fits batch by batch or without all distances", fields=_frugal, harm=Harm.OTHER),
    Option(label="{} on 100,000 rows at a time", fields=_piece_by_piece, harm=Harm.OTHER),
    Option(label="text columns as categories", fields=_categories),
    Option(label="read in chunks of 100,000 rows", fields=_chunks),
    Option(label="Parquet in place of CSV", fields=switched("source_format", "parquet", "csv")),
    Option(label="data on disk, mapped into memory", fields=switched("container", "memmap", "numpy")),
    Option(label="a sparse matrix", fields=set_to("container", "csr", when=_mostly_zero)),
    Option(label="one worker", fields=switched("n_jobs", 1)),
    Option(label="a sample of half the rows", fields=halved("rows", 10_000), harm=Harm.OTHER),
)
