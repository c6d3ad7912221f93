"""Parts of YOLOv8 and YOLO11 (ultralytics 8.4, nn/modules/conv.py, block.py and head.py)."""

from collections.abc import Sequence

from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Tensor

Maps = list[Tensor]

POOLINGS = 3  # one after the other in SPPF
SMALLEST_HEAD = 64  # components of one attention head


class Conv(Module):
    """Convolution, batch norm and SiLU. Where nothing is trained the norm is folded into the convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, activated: bool = True) -> None:
        self.conv = Conv2d(inputs, outputs, kernel, Window.centred(kernel, stride), groups=groups, bias=False)
        self.bn, self.activated = BatchNorm(outputs), activated

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if x.tape.training:
            x = self.bn(x)
        return op.activation(x, "silu") if self.activated else x


class Bottleneck(Module):
    """Two convolutions, and the input added where nothing changes its channels."""

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, int] = (3, 3), *, expansion: float = 0.5, added: bool = True) -> None:
        width = int(outputs * expansion)
        self.cv1, self.cv2 = Conv(inputs, width, kernels[0]), Conv(width, outputs, kernels[1])
        self.added = added and inputs == outputs

    def __call__(self, x: Tensor) -> Tensor:
        out = self.cv2(self.cv1(x))
        return op.add(x, out) if self.added else out


class CrossStage(Module):
    """C3: one half through a row of bottlenecks, the other past it."""

    def __init__(self, inputs: int, outputs: int, count: int, kernels: tuple[int, int], *, added: bool = True) -> None:
        width = outputs // 2
        self.cv1, self.cv2, self.cv3 = Conv(inputs, width), Conv(inputs, width), Conv(2 * width, outputs)
        self.m = [Bottleneck(width, width, kernels, expansion=1.0, added=added) for _ in range(count)]

    def __call__(self, x: Tensor) -> Tensor:
        inner = self.cv1(x)
        for block in self.m:
            inner = block(inner)
        return self.cv3(op.concatenate([inner, self.cv2(x)], axis=1))


class SplitStage(Module):
    """C2f and C3k2: what each inner block makes of one half is joined to both halves. `blocks` are the inner ones, `width` wide."""

    def __init__(self, inputs: int, outputs: int, width: int, blocks: Sequence[Module]) -> None:
        self.width, self.m = width, list(blocks)
        self.cv1 = Conv(inputs, 2 * width)
        self.cv2 = Conv((2 + len(self.m)) * width, outputs)

    def __call__(self, x: Tensor) -> Tensor:
        parts = op.split(self.cv1(x), (self.width, self.width), axis=1)
        for block in self.m:
            parts.append(block(parts[-1]))  # type: ignore[operator]
        return self.cv2(op.concatenate(parts, axis=1))


class PoolingPyramid(Module):
    """SPPF: the same pooling three times over, all results joined."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.cv1 = Conv(inputs, inputs // 2, activated=False)
        self.cv2 = Conv(inputs // 2 * (POOLINGS + 1), outputs)

    def __call__(self, x: Tensor) -> Tensor:
        maps = [self.cv1(x)]
        for _ in range(POOLINGS):
            maps.append(op.max_pool(maps[-1], 5, 1, 2))
        return self.cv2(op.concatenate(maps, axis=1))


class PositionAttention(Module):
    """Attention over all places, written out; keys half as wide as values, whose places a convolution tells."""

    def __init__(self, channels: int) -> None:
        self.heads = max(channels // SMALLEST_HEAD, 1)
        self.value = channels // self.heads
        self.key = self.value // 2
        self.qkv = Conv(channels, channels + 2 * self.key * self.heads, activated=False)
        self.proj = Conv(channels, channels, activated=False)
        self.pe = Conv(channels, channels, 3, groups=channels, activated=False)

    def __call__(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        together = self.qkv(x).view(batch, self.heads, 2 * self.key + self.value, height * width)
        query, key, value = op.split(together, (self.key, self.key, self.value), axis=2)
        weights = op.softmax(op.matmul(op.contiguous(op.lower(op.scaled(query)).transpose(-2, -1)), op.contiguous(op.lower(key))))
        attended = op.matmul(op.contiguous(op.lower(value)), op.lower(weights).transpose(-2, -1)).view(*x.shape)
        placed = self.pe(op.contiguous(value).view(batch, channels, height, width))
        return self.proj(op.add(attended, placed))


class AttentionBlock(Module):
    """Attention, then two convolutions, each added to the stream."""

    def __init__(self, channels: int) -> None:
        self.attn = PositionAttention(channels)
        self.ffn = [Conv(channels, 2 * channels), Conv(2 * channels, channels, activated=False)]

    def __call__(self, x: Tensor) -> Tensor:
        x = op.add(x, self.attn(x))
        return op.add(x, self.ffn[1](self.ffn[0](x)))


class AttentionStage(Module):
    """C2PSA: one half through attention, the other past it."""

    def __init__(self, channels: int, count: int) -> None:
        self.width = channels // 2
        self.cv1, self.cv2 = Conv(channels, 2 * self.width), Conv(2 * self.width, channels)
        self.m = [AttentionBlock(self.width) for _ in range(count)]

    def __call__(self, x: Tensor) -> Tensor:
        past, through = op.split(self.cv1(x), (self.width, self.width), axis=1)
        for block in self.m:
            through = block(through)
        return self.cv2(op.concatenate([past, through], axis=1))


class Branch(Module):
    """Two convolutions, and a plain one that makes `outputs` numbers for each place; `light`: each of the two in depth and across."""

    def __init__(self, inputs: int, width: int, outputs: int, *, light: bool) -> None:
        self.rows: list[Conv] = []
        for given in (inputs, width):
            self.rows += [Conv(given, given, 3, groups=given), Conv(given, width)] if light else [Conv(given, width, 3)]
        self.last = Conv2d(width, outputs, 1)

    def __call__(self, x: Tensor) -> Tensor:
        for row in self.rows:
            x = row(x)
        return self.last(x)
