"""Which layers a list of target names means, in the names of the library that the list is written for."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ATTENTION_PARTS = {"self_attn", "attn", "attention", "self_attention", "SelfAttention", "EncDecAttention", "encoder_attn"}
HEADS = ("lm_head", "classifier", "head", "fc", "score", "cls", "output_projection")
OUTPUTS = (*HEADS, "decoder")  # also the last layer of an encoder's language-model head

Targets = str | Collection[str]  # names, or "attention", or "all_linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNames:
    """How a library names what has another name here.

    `renamed`: the end of a linear layer's path here -> there. `fused`: the end of a weight's path, here and there -> the layers that it
    was in older versions of the library; their names still mean it, and no other layer.
    """

    renamed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    fused: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def is_target(self, path: str, targets: Targets) -> bool:
        """Whether a linear layer is meant."""
        *parents, name = path.split(".")
        if targets == "attention":
            return bool(ATTENTION_PARTS & set(parents))
        known_as = next((theirs for ours, theirs in self.renamed.items() if ends_with(path, ours)), path)
        if any(ends_with(known_as, layer) for layers in self.fused.values() for layer in layers):
            return False
        return name not in OUTPUTS if targets == "all_linear" else any(ends_with(known_as, target) for target in targets)

    def fused_targets(self, targets: Targets) -> Iterator[tuple[str, int]]:
        """Weights that are meant as a whole, each with the number of layers that it was.

        Raises ValueError, naming the others, where only some of the layers of one weight are named.
        """
        for weight, layers in self.fused.items() if targets != "attention" else ():
            named = [layer for layer in layers if targets == "all_linear" or any(ends_with(target, layer) for target in targets)]
            if named and len(named) < len(layers):
                raise ValueError(f"{' and '.join(layers)} are one weight in each expert: name both or none of them")
            if named:
                yield weight, len(layers)


def ends_with(path: str, end: str) -> bool:
    """Whether a dotted path ends with these whole names."""
    return f".{path}".endswith(f".{end}")
