"""Pre-training and fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from app.workloads.data import Checkpoints, DataSet
from app.workloads.fields import (
    Attention,
    Checkpointing,
    Count,
    Device,
    Document,
    Framework,
    ImageSize,
    Optimizer,
    OptimizerImplementation,
    Precision,
    Tokens,
)  # fmt: skip
from app.workloads.model import ModelReference

Degree = Annotated[int, Field(ge=1, le=65_536)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=1_000)]  # of modules


class FullTuning(Document):
    """Every parameter is trained."""

    method: Literal["full"] = "full"


class AdapterTuning(Document):
    """Low-rank adapters on a frozen base; `qlora` keeps the base in 4-bit NF4, `dora` trains the magnitude of each row too."""

    method: Literal["lora", "qlora"]
    rank: Annotated[int, Field(ge=1, le=4096)] = 16
    dora: bool = False
    target_modules: Literal["attention", "all_linear"] | Names = "all_linear"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    adapter_precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    modules_to_save: Names = ()


class LastLayers(Document):
    """The last layers and the head are trained."""

    last_layers: Annotated[int, Field(ge=1, le=10_000)]


class FrozenTuning(Document):
    """Part of the network is trained: the head, the last layers, or everything but the named modules."""

    method: Literal["frozen"]
    trainable: Literal["head"] | LastLayers | None = None
    frozen_modules: Names = ()


Tuning = Annotated[FullTuning | AdapterTuning | FrozenTuning, Field(discriminator="method")]


class Parallelism(Document):
    """Degrees of each kind of parallelism; `gpus` must be their product where more than one degree is given.

    `context` divides sequences. `expert` divides experts over GPUs that `data` and `context` count already, and must divide these.
    """

    gpus: Degree = 1
    data: Degree = 1
    tensor: Degree = 1
    pipeline: Degree = 1
    context: Degree = 1
    expert: Degree = 1
    zero_stage: Literal[0, 1, 2, 3] = 0
    offload: Literal["none", "optimizer", "all"] = "none"

    @property
    def is_asked_for(self) -> bool:
        """Whether a way to spread the job is asked for. One GPU, as it stands where nothing is said, leaves it to the recommender."""
        return self != Parallelism()

    @model_validator(mode="after")
    def _degrees_fit_the_gpus(self) -> "Parallelism":
        product = self.data * self.tensor * self.pipeline * self.context
        if product not in (1, self.gpus):
            raise ValueError(f"data x tensor x pipeline x context is {product} but gpus is {self.gpus}; make them equal")
        return self

    @model_validator(mode="after")
    def _experts_lie_on_the_gpus(self) -> "Parallelism":
        holders = self.gpus // (self.tensor * self.pipeline)
        if holders % self.expert:
            raise ValueError(f"expert is {self.expert} and must divide data x context, which is {holders}")
        return self


class TrainingWorkload(Document):
    """One training job. Batch sizes are per GPU and forward pass; image sizes are pixels, audio is seconds."""

    kind: Literal["training"]
    model: ModelReference
    framework: Framework = "pytorch"
    device: Device = "gpu"
    precision: Precision = "amp_bf16"
    micro_batch_size: Annotated[int, Field(ge=1, le=10**7)] = 8
    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=10**6)] = 1
    gradient_clipping: Annotated[float, Field(gt=0, le=10**9)] | None = None
    sequence_length: Tokens | None = None
    target_length: Tokens | None = None
    image_size: ImageSize | None = None
    frames: Count | None = None
    audio_seconds: Annotated[float, Field(gt=0, le=10**5)] | None = None
    text_length: Tokens | None = None
    optimizer: Optimizer = "adamw"
    optimizer_implementation: OptimizerImplementation = "foreach"
    attention: Attention = "sdpa"
    activation_checkpointing: Checkpointing = "none"
    weight_averaging: bool = False  # an exponential moving average of the trained weights beside them
    fused_cross_entropy: bool = False
    compile: bool = False
    tuning: Tuning = FullTuning()
    parallelism: Parallelism | Literal["auto"] = Parallelism()
    data: DataSet = DataSet()
    checkpoints: Checkpoints = Checkpoints()
