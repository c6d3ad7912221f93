"""What a training workload's framework changes: the rule the step is traced under, how sure that is, and what the user will see."""

from collections.abc import Mapping
from dataclasses import replace

from app.architectures.network import Inputs, Network
from app.estimation.ledger import Term
from app.estimation.residuals import Residual
from app.placement import Finding
from app.tape.frameworks import FRAMEWORKS, KERAS_XLA, TENSORFLOW_EAGER, TENSORFLOW_GRAPH, ExecutionRule
from app.tape.recorder import PERSISTENT, Category
from app.tape.trace import TrainingRun, trace_training
from app.units import format_binary
from app.workloads.training import TrainingWorkload

# Half-widths from `python -m benchmarks.accuracy_xla`, as in residuals.py: XLA's own buffer assignments for a GPU (dense, recurrent,
# convolutional and transformer networks: -10 to +7 %), and TensorFlow's graph with the class of its GPU allocator on a CPU.
XLA_RESIDUAL = Residual(0.07, 0.11)
GRAPH_RESIDUAL = Residual(0.10, 0.20)
GRAPH_LOOPS_RESIDUAL = Residual(0.20, 0.60, "model")  # recurrent layers, whose loops keep far more than cuDNN's kernel, which a GPU takes

# TensorFlow's allocator hands out a free block whole unless it is twice as large as asked for or 128 MiB larger (bfc_allocator.cc,
# BFCAllocator::FindChunkPtr). The share is fitted on the steps of TensorFlow's graph in tests/ground_truth/xla_memory*.json.
BFC_SHARE = 0.2
BFC_SOURCE = "tensorflow/core/common_runtime/bfc_allocator.cc; share from measured steps of TensorFlow's graph"

_SEEN: Mapping[str, tuple[str, str]] = {
    "tensorflow": (
        "TensorFlow takes nearly all memory of the card at the start, so nvidia-smi shows it full whatever the step needs.",
        "Set TF_FORCE_GPU_ALLOW_GROWTH=true (or set_memory_growth) to see the need.",
    ),
    "keras": (
        "Keras takes the memory that its backend takes: on TensorFlow nearly the whole card, on JAX 75 %, whatever the step needs.",
        "Set TF_FORCE_GPU_ALLOW_GROWTH=true or XLA_PYTHON_CLIENT_PREALLOCATE=false to see the need.",
    ),
    "jax": (
        "JAX takes 75 % of the card's memory at the start, so nvidia-smi shows that whatever the step needs.",
        "Set XLA_PYTHON_CLIENT_PREALLOCATE=false to see the need, or XLA_PYTHON_CLIENT_MEM_FRACTION for another share.",
    ),
}


def attention_of(workload: TrainingWorkload) -> str:
    """The attention to build with: written out where the framework has no fused kernel of its own accord.

    Selective checkpointing works the scores out again, so that none are kept, as with a fused kernel.
    """
    if workload.activation_checkpointing == "selective":
        return "sdpa"
    return "eager" if execution_rule(workload).plain_attention and workload.attention != "flash" else workload.attention


def execution_rule(workload: TrainingWorkload) -> ExecutionRule:
    """How the framework runs the step. Keras compiles with XLA where there is a GPU (jit_compile="auto"), TensorFlow on request."""
    if workload.framework == "keras" and workload.device == "cpu":
        return TENSORFLOW_GRAPH
    if workload.framework == "tensorflow" and workload.compile:
        return KERAS_XLA
    return FRAMEWORKS[workload.framework]


def framework_residual(workload: TrainingWorkload, known: Residual, family: str) -> Residual:
    """The residual of the network's family, or the framework's where that is wider."""
    if workload.framework == "pytorch":
        return known
    if execution_rule(workload) is not TENSORFLOW_GRAPH:
        return _wider(known, XLA_RESIDUAL)
    return _wider(known, GRAPH_LOOPS_RESIDUAL if family == "recurrent" else GRAPH_RESIDUAL)


def _wider(known: Residual, framework: Residual) -> Residual:
    basis = known.basis if framework.basis == "measured" else framework.basis
    return Residual(max(known.below, framework.below), max(known.above, framework.above), basis)


def allocator_term(workload: TrainingWorkload, shares: Mapping[Category, int]) -> Term | None:
    """What TensorFlow's allocator hands out beyond what is asked for; XLA plans one block for all temporaries itself."""
    if execution_rule(workload) is not TENSORFLOW_GRAPH:
        return None
    moving = sum(count for category, count in shares.items() if category not in PERSISTENT)
    return Term(
        key="allocator_blocks", label="Larger blocks than asked for", bytes=int(BFC_SHARE * moving),
        formula=f"{BFC_SHARE} x {format_binary(moving)} that comes and goes", inputs={"share": BFC_SHARE, "bytes": moving},
        source=BFC_SOURCE,
    )  # fmt: skip


def framework_findings(workload: TrainingWorkload, *, attends: bool) -> list[Finding]:
    """What nvidia-smi will show beside the need, and what the rule takes for granted."""
    if workload.framework not in _SEEN:
        return []
    message, remedy = _SEEN[workload.framework]
    notes = [
        (workload.device == "gpu", "memory_preallocated", message, remedy),
        (workload.framework == "jax", "donated_arguments", "The step is taken to donate the old weights and optimizer states.",
         "Pass donate_argnums to jax.jit; without it the step holds both copies of weights and states."),
        (attends and workload.attention != "flash", "plain_attention",
         "Attention scores are written out, as these frameworks do unless a fused kernel is named.",
         "Choose flash attention where your layers ask for it (cuDNN's, in JAX and in Keras on JAX)."),
    ]  # fmt: skip
    return [Finding(severity="note", code=code, message=text, remedy=remedy) for applies, code, text, remedy in notes if applies]


def eager_finding(workload: TrainingWorkload, network: Network, inputs: Inputs, run: TrainingRun) -> Finding | None:
    """What the step would need where TensorFlow runs it eagerly; None for the other frameworks and for compiled steps."""
    if execution_rule(workload) is not TENSORFLOW_GRAPH:
        return None
    eager = trace_training(network, lambda tape: network.loss(tape, inputs), replace(run, execution=TENSORFLOW_EAGER), network.vocabulary)
    return Finding(
        severity="note",
        code="eager_needs_more",
        message=f"The step is taken to run as a graph; run eagerly it would allocate about {format_binary(eager.peak_bytes)} on one GPU.",
        remedy="Keep run_eagerly=False, or put the step into a tf.function.",
    )
