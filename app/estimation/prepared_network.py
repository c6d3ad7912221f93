"""The network of a workload, tuned as asked and ready to be traced; with what had to be assumed on the way."""

from dataclasses import dataclass, field

from app.architectures.build import build_network
from app.architectures.network import Inputs, Network, Options
from app.architectures.readers.likeness import Unmodelled
from app.architectures.stand_in import stand_in
from app.estimation.residuals import FAMILIES, RELATIVE, SIZE_ONLY, UNMEASURED, Residual
from app.placement import Finding
from app.tape import adapters
from app.tape.dtypes import BY_NAME
from app.tape.modules import Blocks, Embedding
from app.units import ceil_div
from app.workloads.fields import invalid_field
from app.workloads.inference import InferenceWorkload
from app.workloads.training import AdapterTuning, FrozenTuning, FullTuning, LastLayers, TrainingWorkload, Tuning

DEFAULT_SEQUENCE = 2048
SOURCE_OVER_TARGET = 4  # T5 reads 512 tokens and writes 114 (Raffel et al. 2020); transformers' examples read 1024 and write 128


@dataclass(frozen=True, kw_only=True)
class PreparedNetwork:
    """A network with the residual of its family. `scale` is true over traced parameters where a stand-in of about that size is used."""

    network: Network
    residual: Residual
    findings: tuple[Finding, ...] = ()
    exact_parameters: int | None = None
    scale: float = field(default=1.0)


def prepare_network(workload: TrainingWorkload | InferenceWorkload, options: Options) -> PreparedNetwork:
    """Builds the network that the workload names, or a stand-in of its size where no program is known."""
    try:
        network = build_network(workload.model, options)
    except Unmodelled as unmodelled:
        return _stand_in(unmodelled, options)
    if network.taken_for:
        remedy = "Weights are near the truth; treat activations and cache as a guide."
        message = f"{network.taken_for[:1].upper()}{network.taken_for[1:]}."
        finding = Finding(severity="caution", code="nearest_family", message=message, remedy=remedy)
        return PreparedNetwork(network=network, residual=RELATIVE, findings=(finding,))
    assumed = Finding(severity="note", code="assumed_run", message=f"Taken for granted: {network.assumed}.")
    findings = (assumed,) if network.assumed else ()
    return PreparedNetwork(network=network, residual=FAMILIES.get(network.family, UNMEASURED), findings=findings)


def _stand_in(unmodelled: Unmodelled, options: Options) -> PreparedNetwork:
    parameters = unmodelled.parameters
    if parameters is None:
        raise invalid_field("model.config", f"{unmodelled.what} is not modelled; name its size instead: parameters and family")
    network = stand_in(parameters, unmodelled.family, options)
    finding = Finding(
        severity="caution",
        code="size_only",
        message=f"{unmodelled.what[:1].upper()}{unmodelled.what[1:]} is estimated from its {parameters:,} parameters "
        f"with the usual proportions of a {unmodelled.family.replace('_', '-')} network, so the interval is wide.",
        remedy="Choose the model from the library or paste its config.json for a narrow interval.",
    )
    return PreparedNetwork(
        network=network, residual=SIZE_ONLY, findings=(finding,), exact_parameters=parameters, scale=parameters / network.parameter_count()
    )


def split_points(tuning: Tuning, layers: int) -> tuple[int, ...]:
    """Where frozen and trained blocks meet, so that they are traced apart."""
    if isinstance(tuning, FrozenTuning) and isinstance(tuning.trainable, LastLayers):
        return (max(0, layers - tuning.trainable.last_layers),)
    return ()


def block_count(network: Network) -> int:
    """Blocks of the network's first row of blocks, 0 where it has none."""
    return next((part.count for _, part in network.named_modules() if isinstance(part, Blocks)), 0)


def tune(network: Network, tuning: Tuning, *, checkpointed: bool) -> None:
    """Applies what is trained. Raises InvalidInput where the targets are not in the network."""
    if isinstance(tuning, AdapterTuning):
        _add_adapters(network, tuning)
        if checkpointed:
            _want_gradients_of_inputs(network)
    elif isinstance(tuning, FrozenTuning):
        if tuning.trainable == "head":
            adapters.train_head_only(network)
        elif isinstance(tuning.trainable, LastLayers):
            adapters.train_last_layers(network, tuning.trainable.last_layers)
        adapters.freeze_modules(network, tuning.frozen_modules)
    elif not isinstance(tuning, FullTuning):
        raise TypeError(tuning)
    if not any(p.requires_grad for p in network.parameters()):
        raise invalid_field("tuning", "nothing would be trained with these settings")


def _add_adapters(network: Network, tuning: AdapterTuning) -> None:
    targets = tuning.target_modules
    dtype = BY_NAME[tuning.adapter_precision]
    if tuning.method == "qlora":
        adapters.quantize_linears(network, rest=None if dtype.half else dtype)
    kind = adapters.DoraLinear if tuning.dora else adapters.LoraLinear
    names = network.layer_names
    try:
        count = adapters.add_adapters(network, targets, rank=tuning.rank, dropout=tuning.dropout, dtype=dtype, kind=kind, names=names)
    except ValueError as error:
        raise invalid_field("tuning.target_modules", str(error)) from error
    if not count:
        raise invalid_field("tuning.target_modules", "no linear layer of this network has one of these names")
    adapters.train_modules(network, tuning.modules_to_save)


def _want_gradients_of_inputs(network: Network) -> None:
    """Checkpointed blocks pass gradients on only where their inputs want some, so peft wants those of the token embeddings.

    Source: transformers 5.23, enable_input_require_grads.
    """
    for _, part in network.named_modules():
        if isinstance(part, Embedding) and part.weight.shape[0] == network.vocabulary:
            part.opens = True


def training_inputs(workload: TrainingWorkload, family: str) -> Inputs:
    """Sizes of one micro-batch. Where a text model writes and its target length is not given, it is a quarter of what is read."""
    sequence = workload.sequence_length or DEFAULT_SEQUENCE
    writes = family == "encoder_decoder" and workload.audio_seconds is None
    return Inputs(
        batch=workload.micro_batch_size,
        sequence=sequence,
        target=workload.target_length or (ceil_div(sequence, SOURCE_OVER_TARGET) if writes else None),
        image=workload.image_size,
        frames=workload.frames,
        audio_seconds=workload.audio_seconds,
        text=workload.text_length,
    )
