"""What the speed model is told of a job: the work of one pass, independent of any card."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.tape.recorder import Work, WorkKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFeed:
    """The data a training job reads. Text counts `samples` in tokens where `bytes_per_sample` is that of one token."""

    samples: int | None = None  # of one epoch, in the unit that the pass counts
    bytes_per_sample: float | None = None  # as stored, in the same unit
    epochs: float = 1
    loader_workers: int = 4  # processes that read and decode, for each GPU
    pixels: int = 0  # of one decoded image, clip frames together; 0: not images
    read_mb_s: float | None = None  # what the drive sustains; None: not known, no limit
    in_memory: bool = False  # read once, then served from RAM


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPass:
    """One micro-batch on one GPU, before any tensor or pipeline split. `work` is that of the tape, recomputation included."""

    work: Mapping[WorkKey, Work]
    units: int  # tokens or samples of one micro-batch on one GPU
    gradient_bytes: int  # of all trained parameters, in the type that is exchanged
    weight_bytes: int  # of all parameters, in the type that is computed in (what ZeRO-3 gathers)
    precision: str = "amp_bf16"
    accumulation: int = 1
    is_text: bool = True
    layers: int = 1
    hidden: int = 0  # width of the residual stream, which tensor and pipeline parallelism exchange
    positions: int = 0  # tokens (patches, pixels) of one micro-batch; 0: `units`
    key_bytes: int = 0  # keys and values of one layer, which context parallelism exchanges
    expert_row_bytes: int = 0  # tokens of one layer, once for each expert chosen, which expert parallelism exchanges
    packed_weight_bytes: int = 0  # weights kept in 4 bits and unpacked for every product (QLoRA)
    compiled: bool = False  # elementwise operators fused (torch.compile)
    framework: str = "pytorch"
    feed: DataFeed = field(default_factory=DataFeed)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferencePass:
    """A model being run. Text fills in the decoder's fields; everything else gives the `work` of one forward pass."""

    runtime: str = "transformers"
    weight_format: str = "bf16"
    # -- text --
    weight_bytes_read: int = 0  # read for one token of one sequence: no input embedding, active experts only
    expert_bytes: int = 0  # all experts of all layers; 0 for a dense network
    experts_active: float = 1.0  # share of the experts that one token uses
    active_parameters: int = 0  # multiplied with one token, output head included
    kv_bytes_per_position: int = 0  # cache of one position of one sequence, all layers
    layers: int = 0
    hidden: int = 0
    attention_width: int = 0  # query heads x head size
    prompt_tokens: int = 1
    context: int = 1  # positions in the cache at the end of generation
    sequences: int = 1  # generated at the same time
    gpu_share: float = 1.0  # of the layers; the others, with their cache, are kept in host RAM
    host_bandwidth_gb_s: float = 50.0  # dual-channel DDR4-3200 has 51.2
    proposed_tokens: int = 0  # checked beside the next one in every pass (speculative decoding)
    tokens_per_pass: float = 1.0  # gained by one pass, on average
    draft: "InferencePass | None" = None  # the model that proposes; None: proposals cost nothing
    # -- images, latents, audio --
    work: Mapping[WorkKey, Work] = field(default_factory=dict)  # of one forward pass of `samples`
    samples: int = 1
    passes: int = 1  # forward passes that one batch needs (steps of a sampler)
    copied_bytes: int = 0  # weights copied between RAM and the card for one batch
