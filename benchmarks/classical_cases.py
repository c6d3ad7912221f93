"""Measured runs of classical jobs as workload documents, so that they go the way of every request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Case = dict[str, Any]
GROUND_TRUTH = Path(__file__).resolve().parent.parent / "tests" / "ground_truth"

HELD_OUT = ("classical_ram.json", "classical_ram_held_out.json")
LIBRARIES = {"torch": "pytorch", "tensorflow+keras": "keras"}
COLUMN_TYPES = {"floats": "float", "ints": "int", "lowcard": "category_text", "highcard": "string"}
# Models of the measured scripts: what they are, their settings, and whether the script scales the columns for them.
PIPELINE_MODELS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "logreg": ("LogisticRegression", {"max_iter": 20}, True),
    "rf": ("RandomForestClassifier", {"n_estimators": 20, "max_depth": 8}, False),
}
MOST_NOISE = 1.0  # the workload document knows no more


def classical_cases(*, development: bool = False) -> Iterator[Case]:
    """The runs that no formula was fitted on; `development` adds those that some were."""
    names = (*HELD_OUT, "classical_ram_development.json") if development else HELD_OUT
    for name in names:
        cases = json.loads((GROUND_TRUTH / name).read_text(encoding="utf-8"))["cases"]
        yield from (case for case in cases if case.get("measured") and case["algorithm"] != "import")


def document(case: Case) -> dict[str, Any]:
    """The workload document of a measured run."""
    data, settings = case["data"], dict(case["settings"])
    words = {
        "kind": "classical",
        "library": LIBRARIES.get(case["library"], case["library"]),
        "algorithm": case["algorithm"].removeprefix("torch.").removeprefix("keras.").removeprefix("xgboost.").removeprefix("lightgbm."),
        "rows": data["rows"],
        "dtype": data.get("dtype", "float64"),
        "n_jobs": settings.pop("n_jobs", 1),
        **_target(data),
        **_table(data, settings),
        **_text(data),
    }
    words["algorithm"] = words["algorithm"].removesuffix("_chunks")
    if "predict_rows" in settings:
        words["predict_rows"] = settings.pop("predict_rows")
    if words["algorithm"].startswith("pipeline_"):
        words.update(_pipeline(settings))
    return {**words, "hyperparameters": settings}


def _target(data: dict[str, Any]) -> dict[str, Any]:
    target = data.get("target", "none")
    task = {"reg": "regression", "none": "none"}.get(target, "classification")
    classes = {"classes": int(target.split(":")[1]) if ":" in target else 2} if task == "classification" else {}
    noise = {"noise": min(MOST_NOISE, data["noise"])} if "noise" in data else {}
    return {"task": task, **classes, **noise}


def _table(data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Columns by type, container and source; what the settings say of them is taken out."""
    types = {ours: data[theirs] for theirs, ours in COLUMN_TYPES.items() if theirs in data}
    words: dict[str, Any] = {"columns": data.get("cols") or sum(types.values()) or 1}
    if data["kind"] in ("csv", "parquet"):
        words |= {"source_format": data["kind"], "column_types": types}
    if data["kind"] == "cats":
        words |= {"column_types": {"category_text": data["cols"]}, "cardinality": data["cardinality"]}
    if data["kind"] == "csr":
        words |= {"container": "csr", "density": data["density"]}
    elif data.get("source") == "memmap":
        words["container"] = "memmap"
    elif settings.pop("frame", False):
        words["container"] = "dataframe"
    if "shape" in data:
        words["image_shape"] = data["shape"]
    return words


def _text(data: dict[str, Any]) -> dict[str, Any]:
    if data["kind"] != "text":
        return {}
    return {"documents": data["rows"], "words_per_document": data["words"], "vocabulary": data["vocab"]}


def _pipeline(settings: dict[str, Any]) -> dict[str, Any]:
    """A script that reads a file, splits it, scales it where the model asks for that, and fits."""
    algorithm, hyperparameters, scales = PIPELINE_MODELS[settings.pop("model")]
    settings.update(hyperparameters)
    steps = ["read", "split", *(["scale"] if scales else []), "fit"]
    return {"library": "scikit-learn", "algorithm": algorithm, "task": "classification", "classes": 2, "steps": steps}
