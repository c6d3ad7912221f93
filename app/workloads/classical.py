"""Classical machine learning and data preparation on the processor."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from app.workloads.data import Checkpoints, DataSet
from app.workloads.datasets import known_datasets
from app.workloads.fields import Count, Document, bounded

Library = Literal["scikit-learn", "xgboost", "lightgbm", "catboost", "pandas", "polars", "statsmodels", "pytorch", "keras"]
Rows = Annotated[int, Field(ge=1, le=10**12)]
Columns = Annotated[int, Field(ge=0, le=10**8)]


class ColumnTypes(Document):
    """How many columns there are of each type, where they differ."""

    float: Columns = 0
    int: Columns = 0
    category_text: Columns = 0
    string: Columns = 0


class ClassicalWorkload(Document):
    """One algorithm of one library over one table (or text, or images), with the library's own hyper-parameter names."""

    kind: Literal["classical"]
    library: Library
    algorithm: Annotated[str, Field(min_length=1, max_length=80)]
    hyperparameters: Annotated[dict[str, Any], Field(max_length=60), AfterValidator(bounded)] = {}
    rows: Rows
    columns: Annotated[int, Field(ge=1, le=10**8)] = 1
    dtype: Literal["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"] = "float64"
    density: Annotated[float, Field(gt=0, le=1)] = 1.0
    task: Literal["classification", "regression", "none"] = "classification"
    classes: Annotated[int, Field(ge=1, le=10**6)] = 2
    noise: Annotated[float, Field(ge=0, le=1)] | None = None
    container: Literal["numpy", "dataframe", "memmap", "csr"] = "numpy"
    source_format: Literal["memory", "csv", "parquet"] = "memory"
    column_types: ColumnTypes | None = None
    cardinality: Annotated[int, Field(ge=1, le=10**9)] = 50
    predict_rows: Rows | None = None
    n_jobs: Annotated[int, Field(ge=-1, le=4096)] = 1
    documents: Rows | None = None
    words_per_document: Annotated[float, Field(gt=0, le=10**8)] | None = None
    vocabulary: Count | None = None
    image_shape: Annotated[tuple[Count, ...], Field(min_length=2, max_length=4)] | None = None
    steps: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    data: DataSet = DataSet()
    checkpoints: Checkpoints = Checkpoints(keep=1, every_steps=None)

    @model_validator(mode="before")
    @classmethod
    def _size_from_library(cls, given: Any) -> Any:
        """Rows and columns of a table of the library, where they are not given."""
        data = given.get("data") if isinstance(given, dict) else None
        preset = data.get("preset") if isinstance(data, dict) else None
        known = known_datasets().get(preset.casefold()) if isinstance(preset, str) else None
        if known is None or known.kind != "table":
            return given
        return {"rows": known.samples, "columns": known.columns, "source_format": "csv", **given}
