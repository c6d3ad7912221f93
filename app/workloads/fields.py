"""Names and bounds that several workload documents share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

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


LARGEST_NESTING = 20  # levels of lists and objects; a real config.json has four
LARGEST_TREE = 50_000  # values in all; lists of layers and of modules that are not quantized have thousands

Tree = TypeVar("Tree", bound=Mapping[str, Any] | Sequence[Any])


def bounded(tree: Tree) -> Tree:
    """What is not checked field by field, if it is neither too deep nor too large. Raises ValueError, also where it contains itself."""
    level: list[object] = [tree]
    seen = 0
    for _ in range(LARGEST_NESTING):
        level = [value for holder in level for value in _values(holder)]
        seen += len(level)
        if seen > LARGEST_TREE:
            raise ValueError(f"this has more than {LARGEST_TREE:,} values; leave out what does not describe the network")
        if not level:
            return tree
    raise ValueError(f"this nests deeper than {LARGEST_NESTING} levels; leave out what does not describe the network")


def _values(holder: object) -> Iterable[object]:
    if isinstance(holder, Mapping):
        return holder.values()
    return holder if isinstance(holder, (list, tuple)) else ()


class Document(BaseModel):
    """A part of a workload document: immutable, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def invalid_field(path: str, message: str) -> InvalidInput:
    """The error for one field that is wrong only in the light of others."""
    return InvalidInput([FieldError(path=path, message=message)])
