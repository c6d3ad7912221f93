"""What is trained and how: adapters on linear layers, 4-bit bases, frozen parts. Each changes the network before it is traced."""

from collections.abc import Iterable

from app.tape import operators as op
from app.tape.dtypes import BF16, FP32, DType
from app.tape.layer_names import HEADS, OUTPUTS, LayerNames, Targets, ends_with
from app.tape.modules import Blocks, Linear, Module
from app.tape.operators.casting import autocast_disabled
from app.tape.recorder import Category
from app.tape.tensor import Parameter, Tensor
from app.units import ceil_div

NF4_BLOCK, NF4_NESTED_BLOCK = 64, 256  # elements with one 8-bit scale; scales with one fp32 scale (QLoRA, double quantization)


class LoraLinear(Module):
    """peft's LoRA layer: base(x) + B(A(dropout(x))), where the adapter works in its own type and the input is cast to it."""

    def __init__(self, base: "Linear | Linear4bit", *, rank: int, dropout: float, dtype: DType) -> None:
        outputs, inputs = base.weight.shape
        self.base_layer = base
        self.lora_A = Linear(inputs, rank, bias=False)
        self.lora_B = Linear(rank, outputs, bias=False)
        self.dropout, self.dtype = dropout, dtype
        self._belongs(self.lora_A.weight, self.lora_B.weight)

    def _belongs(self, *weights: Parameter) -> None:
        """These weights are the adapter's: in its type, and as often in the network as the layer."""
        for weight in weights:
            weight.own_dtype = weight.dtype = self.dtype
            weight.times = self.base_layer.weight.times

    def _input(self, x: Tensor) -> Tensor:
        """In the adapter's type; on a 4-bit layer autocast chooses the type of each product. Source: peft 0.21, tuners/lora/bnb.py."""
        return x if isinstance(self.base_layer, Linear4bit) and x.tape.autocast else op.cast(x, self.dtype)

    @property
    def weight(self) -> Parameter:
        """That of the base layer, as networks ask for its type. Source: peft 0.21, BaseTunerLayer.weight."""
        return self.base_layer.weight

    @property
    def bias(self) -> Parameter | None:
        """That of the base layer, which some networks use apart from it."""
        return self.base_layer.bias

    def __call__(self, x: Tensor) -> Tensor:
        result = self.base_layer(x)
        dtype = result.dtype
        x = self._input(x)
        delta = op.scaled(self.lora_B(self.lora_A(op.dropout(x, self.dropout))))
        result = op.add(result, delta)
        return op.cast(result, dtype)


class DoraLinear(LoraLinear):
    """peft's DoRA layer: the adapted matrix is normalized row by row and scaled by a trained magnitude.

    The norm needs the whole adapted matrix in every forward pass, which peft makes by sending an identity matrix through the adapter.
    Source: Liu et al. 2024 (DoRA); peft 0.21, tuners/lora/dora.py.
    """

    def __init__(self, base: "Linear | Linear4bit", *, rank: int, dropout: float, dtype: DType) -> None:
        super().__init__(base, rank=rank, dropout=dropout, dtype=dtype)
        self.shape = base.weight.shape
        self.magnitude = Parameter(self.shape[0])
        self._belongs(self.magnitude)

    def __call__(self, x: Tensor) -> Tensor:
        result = self.base_layer(x)
        dtype, bias = result.dtype, self.bias
        x = self._input(x)
        base = None if self.dropout else result
        x = op.dropout(x, self.dropout)
        update = self._adapter(x.tape.empty((self.shape[1], self.shape[1]), self.lora_A.weight.dtype)).transpose(0, 1)
        weight = self._weight(x)
        scale = op.multiply(self.magnitude, _row_norms(weight, op.cast(update, x.dtype).detach())).view(1, -1)
        delta = self._adapter(x)
        if base is None:
            base = op.linear(x, weight)
        elif bias is not None:
            base = op.add(base, bias)
        weighted = op.multiply(op.shifted(scale), base)
        result = op.add(result, op.add(weighted, op.scaled(op.multiply(scale, delta))))
        return op.cast(result, dtype)

    def _adapter(self, x: Tensor) -> Tensor:
        return self.lora_B(self.lora_A(x))

    def _weight(self, x: Tensor) -> Tensor:
        """The whole base matrix in the type of the input: unpacked where it is packed."""
        if isinstance(self.base_layer, Linear4bit):
            return x.tape.empty(self.shape, x.dtype, Category.WORKSPACE)
        return op.cast(self.base_layer.weight, x.dtype)


def _row_norms(weight: Tensor, update: Tensor) -> Tensor:
    adapted = op.add(weight, op.scaled(update))
    return adapted.tape.empty(adapted.shape[:1], adapted.dtype)


class AdaptedWeight(Module):
    """peft's adapter on a weight that is no layer: the fused experts' [experts, outputs, inputs], or a router's [outputs, inputs].

    Every forward pass makes the adapted weight whole, in the type of the base and outside autocast, and keeps it for the backward pass.
    Dropout is not possible there. Source: peft 0.21, tuners/lora/layer.py, ParamWrapper.
    """

    def __init__(self, base: Parameter, *, rank: int, dtype: DType) -> None:
        *experts, outputs, inputs = base.shape
        self.weight = base
        self.lora_A, self.lora_B = Parameter(*experts, rank, inputs), Parameter(*experts, outputs, rank)
        for part in (self.lora_A, self.lora_B):
            part.own_dtype, part.times = dtype, base.times
            part.dtype = dtype

    def whole(self) -> Tensor:
        """The adapted weight."""
        dtype = self.weight.dtype
        with autocast_disabled(self.weight.tape):
            return op.biased_products(op.cast(self.lora_B, dtype), op.cast(self.lora_A, dtype), self.weight)


def whole(weight: Parameter | AdaptedWeight) -> Tensor:
    """A weight, with its adapter where it has one."""
    return weight if isinstance(weight, Parameter) else weight.whole()


class Linear4bit(Module):
    """bitsandbytes' NF4 layer with double quantization: the weight is unpacked to the compute type for each product and dropped again."""

    def __init__(self, base: Linear, compute: DType) -> None:
        self.weight, self.bias, self.compute = base.weight, base.bias, compute
        self.weight.requires_grad = False
        self.weight.packed_bytes = nf4_bytes(self.weight.size)

    def __call__(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        return op.cast(op.linear_4bit(op.cast(x, self.compute), self.weight, self.compute), dtype)


def nf4_bytes(elements: int) -> int:
    """Bytes of a weight in NF4 with double quantization: 4 bits, an 8-bit scale for 64 elements, an fp32 scale for 256 scales."""
    scales = ceil_div(elements, NF4_BLOCK)
    return ceil_div(elements, 2) + scales + 4 * ceil_div(scales, NF4_NESTED_BLOCK)


def freeze(network: Module) -> None:
    """Nothing is trained."""
    for parameter in network.parameters():
        parameter.requires_grad = False


def add_adapters(
    network: Module, targets: Targets, *, rank: int, dropout: float, dtype: DType,
    kind: type[LoraLinear] = LoraLinear, names: LayerNames | None = None,
) -> int:  # fmt: skip
    """Puts adapters on what the targets mean and freezes the rest. Gives the number of adapters (in the traced blocks).

    A layer that the network uses under two names has one adapter. Raises ValueError where a fused weight is named in part.
    """
    freeze(network)
    names = names or LayerNames()
    fused = list(names.fused_targets(targets))
    linears = _linears(network)
    wanted = {id(layer): layer for (_, path), name, layer in linears if names.is_target(f"{path}.{name}", targets)}
    adapted = {key: kind(layer, rank=rank, dropout=dropout, dtype=dtype) for key, layer in wanted.items()}
    for (holder, _), name, layer in linears:
        if id(layer) in adapted:
            _replace(holder, name, adapted[id(layer)])
    return len(adapted) + sum(_adapt_weights(network, weight, rank * layers, dtype) for weight, layers in fused)


def _adapt_weights(network: Module, target: str, rank: int, dtype: DType) -> int:
    """Puts adapters on weights whose path ends so. Gives their number."""
    found = [
        (module, name, weight)
        for path, module in network.named_modules()
        for name, weight in vars(module).items()
        if isinstance(weight, Parameter) and not weight.buffer and ends_with(f"{path}.{name}", target)
    ]
    for holder, name, weight in found:
        setattr(holder, name, AdaptedWeight(weight, rank=rank, dtype=dtype))
    return len(found)


def quantize_linears(network: Module, compute: DType = BF16, rest: DType | None = FP32) -> None:
    """Packs every linear layer but the heads into NF4; the other weights go to `rest` (peft casts them to fp32), or stay as they are."""
    for (holder, _), name, layer in _linears(network):
        if name not in OUTPUTS and isinstance(layer, Linear):
            _replace(holder, name, Linear4bit(layer, compute))
    packed_weights = {id(m.weight) for _, m in network.named_modules() if isinstance(m, Linear4bit)}
    for parameter in network.parameters():
        if id(parameter) not in packed_weights:
            parameter.own_dtype = rest


def _linears(network: Module) -> list[tuple[tuple[Module, str], str, Linear | Linear4bit]]:
    """Every linear layer, packed or not, with the module that holds it, that module's dotted name, and its own name; in a list it is
    named by the list and its place there."""
    found = []
    for path, module in network.named_modules():
        parts = ((name, value) for name, value in vars(module).items() if isinstance(value, (Module, list)))
        for name, value in parts:
            layers = [(f"{name}.{i}", part) for i, part in enumerate(value)] if isinstance(value, list) else [(name, value)]
            found += [((module, path), own, layer) for own, layer in layers if isinstance(layer, (Linear, Linear4bit))]
    return found


def _replace(holder: Module, name: str, layer: Module) -> None:
    """Puts a layer in the place of another, also of one in a list."""
    own, _, place = name.partition(".")
    if place:
        getattr(holder, own)[int(place)] = layer
    else:
        setattr(holder, own, layer)


def train_modules(network: Module, names: Iterable[str]) -> None:
    """Trains the parts with these names in full, beside the adapters."""
    wanted = tuple(names)
    for path, parameter in network.named_parameters():
        if not parameter.buffer and any(name in path.split(".") for name in wanted):
            parameter.requires_grad = True


def freeze_modules(network: Module, names: Iterable[str]) -> None:
    """Freezes the parts whose dotted name contains one of these names."""
    wanted = tuple(names)
    for path, parameter in network.named_parameters():
        if any(name in path.split(".") or path.startswith(name) for name in wanted):
            parameter.requires_grad = False


def train_head_only(network: Module) -> None:
    """Freezes everything but the head."""
    freeze(network)
    train_modules(network, HEADS)


def train_last_layers(network: Module, count: int) -> None:
    """Freezes the embeddings and all blocks but the last `count`; what follows the blocks is trained.

    The network must have been built with blocks traced apart at that place (Options.split_at).
    """
    blocks = next((part for _, part in network.named_modules() if isinstance(part, Blocks)), None)
    if blocks is None:
        return
    trained_after = {id(p) for p in _parameters_after(network, blocks)}
    first = blocks.count - count
    for parameter in network.parameters():
        parameter.requires_grad = id(parameter) in trained_after and not parameter.buffer
    for period in blocks.periods:
        if period.start >= first:
            for parameter in period.parameters():
                parameter.requires_grad = not parameter.buffer


def _parameters_after(network: Module, blocks: Blocks) -> list[Parameter]:
    """Weights of heads and norms: everything outside the blocks that is no embedding."""
    inside = {id(p) for p in blocks.parameters()}
    outside = [(path, p) for path, p in network.named_parameters() if id(p) not in inside]
    return [p for path, p in outside if not any("embed" in step or step in ("wte", "wpe", "patch", "stem") for step in path.split("."))]
