"""Resident memory of processes that have imported their libraries and done nothing else.

Measured in fresh processes: Linux 6.18, glibc 2.36, Python 3.11.7, transparent huge pages on request only. Versions: numpy 2.4.6,
pandas 3.1.1, polars 2.1.0, pyarrow 26.0.1, scikit-learn 1.9.1, xgboost 3.2.0, lightgbm 4.7.0, catboost 1.2.10, statsmodels 0.15.0,
torch 2.13.0+cpu, tensorflow-cpu 2.21.0, keras 3.15.1, jax 0.10.2, transformers 5.23.0.
"""

from app.estimation.ledger import Term
from app.units import GB, GIB, MB, format_binary

CUDA_PROCESS_BYTES = 2 * GB  # a PyTorch process once CUDA is initialized: PyTorch issues 12873 and 113326
NATIVE_CUDA_BYTES = GB // 2  # a native runtime that links only the CUDA driver and cuBLAS
OS_BYTES = 4 * GIB  # a Linux desktop with a browser open; a server needs about half, a Windows desktop half as much again

# Library -> resident bytes after its import.
IMPORT_BYTES = {
    "python": 18 * MB,
    "numpy": 33 * MB,
    "pandas": 110 * MB,
    "polars": 53 * MB,
    "scikit-learn": 198 * MB,
    "xgboost": 213 * MB,
    "lightgbm": 197 * MB,
    "catboost": 140 * MB,
    "statsmodels": 205 * MB,
    "pytorch": 232 * MB,
    "tensorflow": 775 * MB,
    "keras": 773 * MB,
    "jax": 213 * MB,  # after the first operation; 154 before
    "transformers": 390 * MB,
    "diffusers": 390 * MB,
}
NATIVE_RUNTIMES = frozenset({"llama.cpp", "ollama", "whisper.cpp", "mlx", "onnxruntime", "faster-whisper"})
NATIVE_RUNTIME_BYTES = 250 * MB  # llama.cpp and the other native runtimes, without the model

# scikit-learn loads what an estimator's module needs. Family of mechanisms -> resident bytes with that module.
SCIKIT_LEARN_BYTES = {
    "transforms": 193 * MB,
    "bayes": 190 * MB,
    "text": 190 * MB,
    "perceptron": 194 * MB,
    "linear": 198 * MB,
    "kernels": 198 * MB,
    "decomposition": 199 * MB,
    "neighbours": 200 * MB,
    "clustering": 203 * MB,
    "trees": 204 * MB,
    "histogram_boosting": 204 * MB,
    "validation": 204 * MB,
}
NUMPY_BESIDE_POLARS_BYTES = 13 * MB  # where frames are made from arrays
ARROW_BYTES = 6 * MB  # pyarrow beside pandas; scikit-learn's own import holds the rest of pandas already

MEASURED_IMPORTS = "measured imports, one fresh process each"


def import_baseline(library: str) -> int:
    """Bytes of a process that has imported the library and done nothing else."""
    return IMPORT_BYTES.get(library, NATIVE_RUNTIME_BYTES)


def cuda_process_bytes(framework: str) -> int:
    """Bytes of a process once CUDA is initialized: its import and what PyTorch was seen to add; native runtimes link far less."""
    if framework not in IMPORT_BYTES:
        return NATIVE_RUNTIME_BYTES + NATIVE_CUDA_BYTES if framework in NATIVE_RUNTIMES else CUDA_PROCESS_BYTES
    return IMPORT_BYTES[framework] + CUDA_PROCESS_BYTES - IMPORT_BYTES["pytorch"]


def classical_baseline(library: str, family: str, *, reads_files: bool) -> Term:
    """Interpreter and libraries of a classical job, by library and, for scikit-learn, by the family of mechanisms that it loads."""
    count = SCIKIT_LEARN_BYTES.get(family, IMPORT_BYTES["scikit-learn"]) if library == "scikit-learn" else import_baseline(library)
    if reads_files and library == "pandas":
        count += ARROW_BYTES
    if not reads_files and library == "polars":
        count += NUMPY_BESIDE_POLARS_BYTES
    return Term(
        key="process", label="Interpreter and libraries", bytes=count, formula=f"import of {library} = {format_binary(count)}",
        inputs={"library": library}, source=MEASURED_IMPORTS,
    )  # fmt: skip


def system_term() -> Term:
    """The operating system and what runs on a desktop beside the job."""
    return Term(
        key="operating_system", label="Operating system and desktop", bytes=OS_BYTES, formula=format_binary(OS_BYTES),
        source="a Linux desktop with a browser open; a server needs about half",
    )  # fmt: skip
