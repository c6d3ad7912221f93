"""What an estimate of training assumes, or does not model: said with it, so that nobody takes it for more than it is."""

from app.architectures.network import Inputs, Network
from app.estimation.sharding import is_fsdp
from app.placement import Finding, Sharding
from app.tape.adapters import AdaptedWeight
from app.workloads.training import AdapterTuning, TrainingWorkload

Note = tuple[bool, str, str, str]  # whether it applies, code, message, remedy


def assumptions(workload: TrainingWorkload, spread: Sharding, *, text: Inputs | None, masters: bool) -> list[Finding]:
    """What holds for this job spread in this way. `text`: sizes of a batch of text; `masters`: 16-bit weights are stepped in fp32."""
    notes = (*_of_the_text(workload, text), *_of_the_step(workload), *_of_the_sharding(workload, spread, masters=masters))
    return [Finding(severity="note", code=code, message=text, remedy=remedy) for applies, code, text, remedy in notes if applies]


def adapted_experts(network: Network) -> list[Finding]:
    """What adapters on experts cost."""
    if not any(isinstance(part, AdaptedWeight) for _, part in network.named_modules()):
        return []
    return [Finding(
        severity="note", code="experts_adapted",
        message="Adapters on experts: each layer makes an adapted copy of all its experts in every forward pass (peft 0.21).",
        remedy="Name only the attention's layers as targets to save that memory.",
    )]  # fmt: skip


def _of_the_text(workload: TrainingWorkload, text: Inputs | None) -> tuple[Note, ...]:
    if text is None:
        return ()
    return (
        (workload.sequence_length is None, "sequence_length_assumed", f"No sequence length was given: {text.sequence} tokens are assumed.",
         "Enter the length you train with."),
        (text.target is not None and workload.target_length is None, "target_length_assumed",
         f"No target length was given: {text.target} tokens are assumed, a quarter of what is read.",
         "Enter it where what is written is longer, as in translation."),
    )  # fmt: skip


def _of_the_step(workload: TrainingWorkload) -> tuple[Note, ...]:
    return (
        (workload.compile and workload.framework == "pytorch", "compile_not_modelled",
         "Compilation usually keeps 10 to 40 % fewer activations; the eager step is shown.",
         "Treat the figure as an upper bound."),
        (workload.precision == "fp8", "fp8_states", "FP8 speeds up matrix products; weights, gradients and states stay in 16 bits.", ""),
        (workload.activation_checkpointing == "selective" and workload.attention != "eager" and workload.framework == "pytorch",
         "selective_is_free",
         "Selective checkpointing recomputes attention scores, which this attention kernel never stores: it changes nothing here.",
         "Use full checkpointing to save memory."),
    )  # fmt: skip


def _of_the_sharding(workload: TrainingWorkload, spread: Sharding, *, masters: bool) -> tuple[Note, ...]:
    adapters = isinstance(workload.tuning, AdapterTuning)
    stages, batches = spread.pipeline, workload.gradient_accumulation_steps
    waiting = "Use at least four times as many accumulation steps as stages, or the stages mostly wait." if batches < 4 * stages else ""
    return (
        (masters, "sharded_mixed_precision",
         "Sharded trainers compute in 16 bits and step fp32 copies: 16 bytes a parameter over all GPUs, without autocast's copies.", ""),
        (is_fsdp(spread) and adapters, "adapters_wrapped_apart",
         "Gradients are taken to be made for the adapters only; FSDP 1 makes them for frozen weights of the same unit too.",
         "Use FSDP 2, or peft's policy that wraps adapters apart."),
        (is_fsdp(spread) and batches > 1, "reduced_in_every_micro_batch",
         "Gradients are taken to be sharded after every micro-batch; trainers that skip the exchange while accumulating keep them whole.",
         "Let it exchange every time (Accelerate: sync_each_batch)."),
        (spread.tensor > 1, "norms_not_split",
         "Norms and the residual stream are whole on every GPU; sequence parallelism would divide them.", ""),
        (stages > 1, "pipeline_schedule",
         f"One forward, one backward in turn: the first of {stages} stages holds {min(stages, batches)} micro-batches.", waiting),
        (spread.expert > 1, "balanced_experts",
         "Every expert is taken to get as many tokens as any other; while routing is uneven, some GPUs need more.",
         "Train with a load-balancing loss, or a capacity factor."),
        (spread.offload != "none", "offload_engine",
         "Offload is modelled as DeepSpeed does it, with its default buckets; the PCIe link sets the pace.", ""),
    )  # fmt: skip
