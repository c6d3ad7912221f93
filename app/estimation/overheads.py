"""From what a framework allocates to what a card must have: device context, libraries' workspaces, fragmentation, communicators."""

from app.estimation.ledger import Term
from app.hardware import Gpu
from app.units import GIB, MIB, format_binary

CONTEXT_SOURCE = "reported contexts: PyTorch pull request 86509 (288 MB), RTX 6000 Ada 426 MiB, RTX PRO 6000 749 MiB; others interpolated"
# GPU architecture -> bytes of the CUDA or ROCm context with the kernels a framework loads.
CONTEXT_BYTES = {
    "Pascal": 300 * MIB,
    "Volta": 300 * MIB,
    "Turing": 310 * MIB,
    "Ampere": 410 * MIB,
    "Ada Lovelace": 430 * MIB,
    "Hopper": 560 * MIB,
    "Blackwell": 700 * MIB,
}
DEFAULT_CONTEXT = 430 * MIB
VENDOR_CONTEXT = {"AMD": 700 * MIB, "Intel": 500 * MIB, "Apple": 500 * MIB}

CUBLAS_WORKSPACE = 8 * MIB + 128 * 1024  # PyTorch's default :4096:2:16:8 below Hopper
CUBLAS_WORKSPACE_HOPPER = 32 * MIB
CUBLAS_SOURCE = "PyTorch, aten/src/ATen/cuda/CublasHandlePool.cpp, default workspace configuration"

NCCL_BYTES = GIB // 2  # a communicator group on up to eight cards; reports range from 0.3 to 1.6 GiB
NCCL_SOURCE = "NVIDIA/nccl issue 864 and vLLM start-up logs"

INFERENCE_FRAGMENTATION = 0.03  # of what is not weights; fixed shapes
FRAGMENTATION_SOURCE = "replay of measured allocation logs through the caching allocator's rules; allocators release caches before failing"

# What a training process reserves beyond what it allocates. A least-squares fit to 27 transformer training runs of tests/ground_truth whose
# two-step allocation logs were replayed through the allocator's rules: mean error of the reserved memory 3.3 %, with a share alone 6.1 %.
SEGMENT_ROUNDING = 0.03  # of everything allocated: segments are whole multiples of 2 or 20 MiB
SPLIT_LOGITS = 0.75  # of the states that the first step puts into the freed memory of the logits, which then need new memory
RESERVATION_SOURCE = (
    "CUDACachingAllocator.cpp; replay of measured allocation logs; cached memory that is wholly free is released before failing"
)

CUDNN_WORKSPACE_SHARE = 0.04  # of the activations of a convolutional network
CUDNN_SOURCE = "cuDNN's heuristic algorithms without benchmark mode; real cards report tens to hundreds of MiB"


def context_term(gpu: Gpu | None) -> Term:
    """The device context, by architecture; an Ada-class context where no card is named."""
    count = DEFAULT_CONTEXT
    name = "a current consumer card"
    if gpu is not None:
        name = gpu.name
        count = VENDOR_CONTEXT.get(gpu.vendor) or next((b for a, b in CONTEXT_BYTES.items() if a in gpu.architecture), DEFAULT_CONTEXT)
    return Term(
        key="device_context", label="Device context and kernels", bytes=count,
        formula=f"context of {name} = {format_binary(count)}", inputs={"architecture": gpu.architecture if gpu else "default"},
        source=CONTEXT_SOURCE,
    )  # fmt: skip


def workspace_term(gpu: Gpu | None, convolution_activations: int = 0) -> Term:
    """Workspaces of the matrix and convolution libraries."""
    hopper = gpu is not None and any(name in gpu.architecture for name in ("Hopper", "Blackwell"))
    blas = CUBLAS_WORKSPACE_HOPPER if hopper else CUBLAS_WORKSPACE
    dnn = int(CUDNN_WORKSPACE_SHARE * convolution_activations)
    formula = f"cuBLAS {format_binary(blas)}"
    if dnn:
        formula += f" + cuDNN {CUDNN_WORKSPACE_SHARE} x {format_binary(convolution_activations)}"
    return Term(
        key="library_workspaces", label="Library workspaces", bytes=blas + dnn, formula=formula,
        source=f"{CUBLAS_SOURCE}; {CUDNN_SOURCE}" if dnn else CUBLAS_SOURCE,
    )  # fmt: skip


def fragmentation_term(moving_bytes: int, share: float) -> Term:
    """What the allocator cannot use: a share of the memory that comes and goes."""
    return Term(
        key="allocator_slack", label="Allocator slack", bytes=int(share * moving_bytes),
        formula=f"{share} x {format_binary(moving_bytes)} that comes and goes", inputs={"share": share, "bytes": moving_bytes},
        source=FRAGMENTATION_SOURCE,
    )  # fmt: skip


def reservation_term(allocated_bytes: int, state_bytes: int, logits_bytes: int) -> Term:
    """What the allocator reserves beyond what is allocated in training.

    The first step ends by making the optimizer states, in memory that the logits have left; later steps need new memory for the logits.
    """
    pinned = min(state_bytes, logits_bytes)
    formula = f"{SEGMENT_ROUNDING} x {format_binary(allocated_bytes)} allocated"
    if pinned:
        formula += f" + {SPLIT_LOGITS} x {format_binary(pinned)} of optimizer states in what the logits left"
    return Term(
        key="allocator_slack", label="Allocator slack", bytes=int(SEGMENT_ROUNDING * allocated_bytes + SPLIT_LOGITS * pinned),
        formula=formula, inputs={"allocated_bytes": allocated_bytes, "states_in_logits_bytes": pinned}, source=RESERVATION_SOURCE,
    )  # fmt: skip


def communicator_term(gpus: int, groups: int = 1) -> Term | None:
    """Buffers of the collective-communication library where several cards work together: a communicator for each kind of parallelism."""
    if gpus == 1:
        return None
    return Term(
        key="communicators", label="Communication buffers", bytes=groups * NCCL_BYTES,
        formula=f"{groups} x {format_binary(NCCL_BYTES)} for a NCCL communicator, over {gpus} GPUs",
        inputs={"gpus": gpus, "communicators": groups}, source=NCCL_SOURCE,
    )  # fmt: skip
