"""Small networks trained on the processor with PyTorch or Keras: MLP and CNN as their tutorials write them.

Hyper-parameters: `hidden` or `channels` (3 x 3 convolutions, each followed by a 2 x 2 maximum, then 256 units), `batch`, `workers`,
`optimizer`, `feed` ("numpy" or "tfdata"), `steps` where fewer than an epoch are run, `shuffle_buffer`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from app.estimation.classical.plan import Plan, Spread, Step, fullest, present, product
from app.estimation.classical.reading import TARGET_BYTES
from app.estimation.classical.task import Task
from app.estimation.ledger import Term
from app.units import KIB, MB, MIB

TORCH, KERAS = "torch 2.13.0", "keras 3.15.1 with tensorflow 2.21.0"
FLOAT_BYTES, POOL_INDEX_BYTES = 4, 8
HEAD_UNITS, KERNEL_CELLS = 256, 9
DEFAULT_BATCH, DEFAULT_HIDDEN, DEFAULT_CHANNELS = 64, (256, 128), (32, 64, 128)
STATES = {"sgd": 0, "sgd_momentum": 1, "momentum": 1, "rmsprop": 1, "adagrad": 1}
ADAM_STATES = 2

SAMPLER_BYTES = 48  # torch/utils/data/sampler.py: randperm(n) and .tolist(), 8 B number, 8 B pointer, 32 B int
TORCH_RUNTIME_BYTES = 80 * MB  # autograd, oneDNN and OpenMP, after the first step
WORKER_BYTES = 15 * MB  # what a forked worker does not share
PREFETCHED = 2
MLP_ACTIVATIONS, MLP_LARGE_ACTIVATIONS = 4.3, 3.3  # activations and gradients over hidden units: blocks below and above HEAP_LIMIT
LARGEST_COPIES = 2.5  # gradients and reordered copies of the largest activation; six cases
ADAM_TEMPORARIES = 2  # of the largest weight, torch/optim/adam.py, single-tensor step on the processor
HEAP_LIMIT = 32 * MIB  # glibc returns larger blocks at once; smaller ones stay with the process
HUGE_PAGE, FAULT_AROUND = 2 * MIB, 64 * KIB  # what one access to a mapped file maps: Linux 6.18 with large folios, older systems

KERAS_RUNTIME_BYTES, TFDATA_RUNTIME_BYTES = 40 * MB, 65 * MB
KERAS_WEIGHT_COPIES = 4.1  # weights, gradients, initial values and variables of the traced step, beside the optimizer states
KERAS_ROW_BYTES = 16
SHUFFLE_ELEMENT_BYTES = 312  # tensors of one buffered element beside its values


@dataclass(frozen=True, slots=True)
class Layers:
    """Sizes for one sample: activations that backward needs, the largest, maxima with their indices, and the weights."""

    kept: int
    pooled: int
    largest: int
    parameters: int
    largest_weight: int


def layers_of(task: Task) -> Layers:
    """The layers of the workload's network."""
    return _convolutional(task) if task.workload.algorithm.upper().endswith("CNN") else _dense(task)


def _dense(task: Task) -> Layers:
    hidden = task.sizes("hidden", DEFAULT_HIDDEN, "hidden_layer_sizes")
    widths = (task.columns, *hidden, max(2, task.classes))
    weights = [before * after for before, after in pairwise(widths)]
    return Layers(sum(hidden), 0, max(hidden), sum(weights) + sum(widths[1:]), max(weights))


def _convolutional(task: Task) -> Layers:
    height, width, depth = _image(task)
    kept = pooled = largest = parameters = largest_weight = 0
    for channels in task.sizes("channels", DEFAULT_CHANNELS):
        area = height * width * channels
        weights = KERNEL_CELLS * depth * channels
        kept, largest = kept + area, max(largest, area)
        parameters, largest_weight = parameters + weights + channels, max(largest_weight, weights)
        height, width, depth = max(1, height // 2), max(1, width // 2), channels
        pooled += height * width * channels
    flat = height * width * depth
    head = flat * HEAD_UNITS + HEAD_UNITS + (HEAD_UNITS + 1) * max(2, task.classes)
    return Layers(kept, pooled, largest, parameters + head, max(largest_weight, flat * HEAD_UNITS))


def _image(task: Task) -> tuple[int, int, int]:
    shape = task.workload.image_shape
    if shape is None:
        side = max(1, round((task.columns / 3) ** 0.5))
        return side, side, 3
    return (shape[0], shape[1], shape[2] if len(shape) > 2 else 1)


def _states(task: Task) -> int:
    return STATES.get(task.text("optimizer", "adam").lower(), ADAM_STATES)


def _batch(task: Task) -> int:
    return task.count("batch", DEFAULT_BATCH, "batch_size")


def torch_network(task: Task) -> Plan:
    """PyTorch with a DataLoader that shuffles: a Python list of all row numbers, weights, gradients, states, activations of a batch."""
    layers, batch, workers = layers_of(task), _batch(task), int(task.number("workers", 0, "num_workers"))
    weights = product(
        "weights",
        "Weights, gradients and optimizer states",
        f"{TORCH}, torch.optim",
        copies=2 + _states(task),
        parameters=layers.parameters,
        bytes=FLOAT_BYTES,
    )
    always = present(
        weights,
        product(
            "input_batches",
            "Batch and its float copy",
            TORCH,
            batches=2 + PREFETCHED * workers,
            samples=batch,
            values=task.columns,
            bytes=FLOAT_BYTES,
        ),
        product("sampler", "Shuffled row numbers as a Python list", f"{TORCH}, utils/data/sampler.py", rows=task.rows, bytes=SAMPLER_BYTES),
        product("runtime", "Autograd, oneDNN and threads", "measured on five networks", bytes=TORCH_RUNTIME_BYTES),
        product(
            "loader_workers",
            "Loader workers, what they do not share",
            "measured with 1, 2 and 4 workers",
            workers=workers,
            bytes=WORKER_BYTES,
        ),
        _mapped_pages(task, batch),
    )
    fit = (*always, *_torch_activations(task, layers, batch))
    return Plan(
        family="neural",
        steps=(Step(name="fit", transient=fit),),
        model_file_bytes=FLOAT_BYTES * layers.parameters,
        spreads=_mapping_spread(task, batch),
    )


def _torch_activations(task: Task, layers: Layers, batch: int) -> tuple[Term, ...]:
    """The backward pass, or the optimizer step; freed blocks below 32 MiB stay with the process during the step."""
    held = layers.largest * batch * FLOAT_BYTES < HEAP_LIMIT
    if layers.pooled:
        values = layers.kept + layers.pooled + layers.pooled * POOL_INDEX_BYTES / FLOAT_BYTES + LARGEST_COPIES * layers.largest
    else:
        values = (MLP_ACTIVATIONS if held else MLP_LARGE_ACTIVATIONS) * layers.kept
    backward = product(
        "activations", "Activations, maxima with indices, gradients", f"{TORCH}, autograd", samples=batch, values=values, bytes=FLOAT_BYTES
    )
    step = product(
        "step_temporaries",
        "Temporaries of the optimizer step",
        f"{TORCH}, torch/optim/adam.py",
        copies=ADAM_TEMPORARIES if _states(task) == ADAM_STATES else 0,
        largest_weight=layers.largest_weight,
        bytes=FLOAT_BYTES,
    )
    return fullest((backward,), present(step, backward if held else None))


def _mapped_pages(task: Task, batch: int, page: int = HUGE_PAGE) -> Term | None:
    """Pages that `steps` batches of single rows bring in: of N pages 1 - e^(-rows/N) are met by chance; an epoch meets them all."""
    if task.workload.container != "memmap":
        return None
    table = task.cells * task.item_bytes
    rows = task.count("steps", 1) * batch if task.value("steps") else task.rows
    met = 1 - math.exp(-min(rows * page / table, 700))
    return product(
        "mapped_pages", "Mapped pages of the file; reclaimable", f"{TORCH}, numpy.memmap; measured", share_met=met, file_bytes=table
    )


def _mapping_spread(task: Task, batch: int) -> dict[str, Spread]:
    usual, least = _mapped_pages(task, batch), _mapped_pages(task, batch, FAULT_AROUND)
    if usual is None or least is None:
        return {}
    why = "a touched row brings in a huge page of its file, or only 64 KiB where the page cache holds small pages"
    return {"mapped_pages": Spread(least.bytes / usual.bytes, 1.1, why)}


def keras_network(task: Task) -> Plan:
    """Keras on TensorFlow: `fit` copies arrays twice as it starts and keeps one copy; tf.data keeps two."""
    layers, batch = layers_of(task), _batch(task)
    feed = task.text("feed", "numpy")
    table = task.rows * (task.columns * min(task.item_bytes, FLOAT_BYTES) + TARGET_BYTES)
    start = (
        product(
            "array_copies", "Arrays copied into tensors", f"{KERAS}, array_data_adapter.py", copies=2 + (task.item_bytes == 8), bytes=table
        ),
    )
    if feed == "numpy":
        running = (
            product("array_copies", "Arrays as tensors", f"{KERAS}, array_data_adapter.py", bytes=table),
            product("order", "Shuffled row numbers", KERAS, rows=task.rows, bytes=KERAS_ROW_BYTES),
            *_keras_step(task, layers, batch, KERAS_RUNTIME_BYTES),
        )
        fit = fullest(start, running)
    else:
        buffered = task.rows if task.number("shuffle_buffer", 0) > task.rows else int(task.number("shuffle_buffer", 0))
        element = task.columns * task.item_bytes + TARGET_BYTES + SHUFFLE_ELEMENT_BYTES
        fit = present(
            product(
                "array_copies",
                "Arrays as tensors and as a data set",
                f"{KERAS}, tf.data",
                copies=2,
                bytes=task.rows * (task.columns * task.item_bytes + TARGET_BYTES),
            ),
            product("shuffle_buffer", "Shuffle buffer", "tf.data; measured on two sizes", elements=buffered, bytes=element),
            *_keras_step(task, layers, batch, TFDATA_RUNTIME_BYTES),
        )
    file_bytes = FLOAT_BYTES * layers.parameters * (1 + _states(task))
    return Plan(family="neural", steps=(Step(name="fit", transient=fit),), model_file_bytes=file_bytes)


def _keras_step(task: Task, layers: Layers, batch: int, runtime: int) -> tuple[Term, ...]:
    values = layers.kept + layers.pooled + 2 * layers.largest
    return (
        product(
            "weights",
            "Weights, gradients and optimizer states",
            KERAS,
            copies=KERAS_WEIGHT_COPIES + _states(task),
            parameters=layers.parameters,
            bytes=FLOAT_BYTES,
        ),
        product("activations", "Activations and gradients", KERAS, samples=batch, values=values, bytes=FLOAT_BYTES),
        product("input_batches", "Batch and its float copy", KERAS, batches=2, samples=batch, values=task.columns, bytes=FLOAT_BYTES),
        product("runtime", "Traced step and threads", "measured on six networks", bytes=runtime),
    )
