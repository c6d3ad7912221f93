"""Names and bounds that several workload documents share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import FieldError, InvalidInput

Framework = Literal["pytorch", "tensorflow", "keras", "jax"]
Precision = Literal["fp64", "fp32", "tf32", "amp_fp16", "amp_bf16", "fp16", "bf16", "fp8"]
Attention = Literal["eager", "sdpa", "flash"]
Optimizer = Literal[
    "adamw", "adam", "adamw_8bit", "paged_adamw_8bit", "paged_adamw", "sgd", "sgd_momentum", "rmsprop", "adagrad", "adafactor", "lion",
    "muon",
]  # fmt: skip
OptimizerImplementation = Literal["foreach", "fused", "for_loop"]
Checkpointing = Literal["none", "selective", "full"]
Device = Literal["gpu", "cpu"]

# Bounds keep every estimate finite and quick; they are far beyond any machine in the catalogue.
Count = Annotated[int, Field(ge=1, le=10**9)]
Tokens = Annotated[int, Field(ge=1, le=10**8)]
Pixels = Annotated[int, Field(ge=1, le=65_536)]
ImageSize = tuple[Pixels, Pixels]


class Document(BaseModel):
    """A part of a workload document: immutable, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def invalid_field(path: str, message: str) -> InvalidInput:
    """The error for one field that is wrong only in the light of others."""
    return InvalidInput([FieldError(path=path, message=message)])
