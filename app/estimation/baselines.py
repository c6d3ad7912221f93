"""Resident memory of processes after importing their libraries, measured one fresh process each (Linux, Python 3.11, glibc 2.36)."""

from app.units import GB, GIB, MB

CUDA_PROCESS_BYTES = 2 * GB  # a PyTorch process once CUDA is initialized: PyTorch issues 12873 and 113326
OS_BYTES = 4 * GIB

# Library -> resident bytes after import. Versions measured: torch 2.13.0+cpu, tensorflow-cpu 2.21.0, keras 3.15.1, jax 0.10.2,
# transformers 5.23.0, scikit-learn 1.9.1, xgboost 3.2.0, lightgbm 4.7.0, catboost 1.2.10, pandas 3.1.1.
IMPORT_BYTES = {
    "pytorch": 232 * MB,
    "tensorflow": 776 * MB,
    "keras": 776 * MB,
    "jax": 213 * MB,
    "transformers": 390 * MB,
    "diffusers": 390 * MB,
    "scikit-learn": 198 * MB,
    "xgboost": 213 * MB,
    "lightgbm": 197 * MB,
    "catboost": 140 * MB,
    "pandas": 116 * MB,
    "statsmodels": 197 * MB,
}
NATIVE_RUNTIME_BYTES = 250 * MB  # llama.cpp and the other native runtimes, without the model


def import_baseline(library: str) -> int:
    """Bytes of a process that has imported the library and done nothing else."""
    return IMPORT_BYTES.get(library, NATIVE_RUNTIME_BYTES)
