"""What a reader makes of a file: the model, the weights as they lie in the file, and what had to be assumed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.architectures.readers.tensor_table import TensorTable
from app.placement import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """A file that was read.

    `model` is the model reference for a workload; it carries the exact weights under "weights". `weight_format` is the format that the
    file is in, for the workload's field of that name. `table` lists the tensors where the file lists them.
    """

    kind: str
    model: Mapping[str, Any]
    weight_format: str | None = None
    exact_weight_bytes: int | None = None
    table: TensorTable | None = None
    findings: tuple[Finding, ...] = ()

    def with_finding(self, finding: Finding) -> "ReadModel":
        """The same with one more thing that the reader should know."""
        return replace(self, findings=(*self.findings, finding))


def weighed(model: Mapping[str, Any], count: int, weight_format: str) -> dict[str, Any]:
    """The model reference with the exact bytes of its weights in the file's own format."""
    return {**model, "weights": {"bytes": count, "format": weight_format}} if count else dict(model)


def assumed(message: str, remedy: str) -> Finding:
    """Something the file does not say and that was filled in."""
    return Finding(severity="note", code="file_assumption", message=f"{message[:1].upper()}{message[1:]}.", remedy=remedy)


def doubtful(message: str, remedy: str) -> Finding:
    """Something in the file that is not modelled as it is."""
    return Finding(severity="caution", code="file_not_modelled", message=f"{message[:1].upper()}{message[1:]}.", remedy=remedy)
