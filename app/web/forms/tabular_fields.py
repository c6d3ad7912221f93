"""Fields of the tab "Tabular": classical machine learning and data preparation on the processor."""

from app.web.forms.codecs import COUNT, NAMES, NUMBER, PAIRS, SHAPE, TEXT
from app.web.forms.field import Choice, Tab, choices, chosen, typed
from app.web.forms.shared_fields import DATA, LIMITS, LIMITS_ADVANCED

LIBRARIES = (
    Choice("scikit-learn", "scikit-learn"),
    Choice("xgboost", "XGBoost"),
    Choice("lightgbm", "LightGBM"),
    Choice("catboost", "CatBoost"),
    Choice("pandas", "pandas"),
    Choice("polars", "Polars"),
    Choice("statsmodels", "statsmodels"),
    Choice("pytorch", "PyTorch on the CPU"),
    Choice("keras", "Keras on the CPU"),
)
NUMBER_TYPES = tuple(Choice(name, name) for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"))

TABULAR = Tab(
    name="tabular",
    label="Tabular",
    has_model=False,
    job=(
        typed("algorithm", "Algorithm", "workload.algorithm", TEXT, "RandomForestClassifier", hint="the library's own name", wide=True),
        chosen("library", "Library", "workload.library", LIBRARIES),
        chosen("dtype", "Number type", "workload.dtype", NUMBER_TYPES),
        typed("rows", "Rows", "workload.rows", COUNT, "1M", hint="e.g. 5M"),
        typed("columns", "Columns", "workload.columns", COUNT, "80"),
        typed(
            "hyperparameters",
            "Hyperparameters",
            "workload.hyperparameters",
            PAIRS,
            "n_estimators=100",
            hint="name=value, separated by commas",
            wide=True,
        ),
        typed("jobs", "Parallel jobs", "workload.n_jobs", NUMBER, "-1", hint="-1: every core"),
    ),
    data=DATA,
    limits=LIMITS,
    advanced=(
        chosen("goal", "Task", "workload.task", choices(classification="Classification", regression="Regression", none="None")),
        typed("classes", "Classes", "workload.classes", COUNT, "2"),
        typed("density", "Share not zero", "workload.density", NUMBER, "1", hint="below 1: sparse"),
        typed("noise", "Label noise", "workload.noise", NUMBER, hint="0 to 1, if known"),
        chosen(
            "container",
            "Held as",
            "workload.container",
            choices(numpy="NumPy array", dataframe="DataFrame", memmap="Memory map", csr="Sparse (CSR)"),
        ),
        chosen("source", "Read from", "workload.source_format", choices(memory="Memory", csv="CSV", parquet="Parquet")),
        typed("predict_rows", "Rows to predict", "workload.predict_rows", COUNT),
        typed("cardinality", "Distinct values", "workload.cardinality", COUNT, "50"),
        typed("documents", "Documents", "workload.documents", COUNT, hint="text"),
        typed("words", "Words in each", "workload.words_per_document", NUMBER),
        typed("vocabulary", "Vocabulary", "workload.vocabulary", COUNT),
        typed("image_shape", "Image shape", "workload.image_shape", SHAPE, hint="e.g. 28 x 28 x 1"),
        typed("steps", "Steps", "workload.steps", NAMES, hint="e.g. read, one_hot, split, scale, fit", wide=True),
        *LIMITS_ADVANCED,
    ),
)
