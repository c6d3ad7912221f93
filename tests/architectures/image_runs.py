"""Short ways to build and trace networks for images, videos and sequences."""

from collections.abc import Mapping
from typing import Any

from app.architectures.build import build_network
from app.architectures.library import find
from app.architectures.network import Inputs, Network, Options
from app.tape.dtypes import FP16, DType
from app.tape.trace import Trace, TrainingRun, trace_forward, trace_training
from app.workloads.model import ConfigModel, PresetModel

IMAGE = (64, 64)


def preset(name: str, options: Mapping[str, Any] | None = None, **choices: Any) -> Network:
    """The network of a library name or of a timm name."""
    return build_network(PresetModel(preset=name, options=dict(options or {})), Options(**choices))


def part(pipeline: str, name: str) -> dict[str, Any]:
    """The configuration of one part of a pipeline in the library."""
    config: dict[str, Any] = find(pipeline).config[name]
    return dict(config)


def configured(config: Mapping[str, Any], changes: Mapping[str, Any] | None = None, **choices: Any) -> Network:
    """The network of a configuration with some fields changed."""
    return build_network(ConfigModel(config={**config, **(changes or {})}), Options(**choices))


def trained(network: Network, inputs: Inputs, precision: str = "fp32") -> Trace:
    """One traced training step."""
    return trace_training(network, lambda tape: network.loss(tape, inputs), TrainingRun(precision=precision), network.vocabulary)


def run_once(network: Network, inputs: Inputs, dtype: DType = FP16) -> Trace:
    """One traced forward pass without gradients."""
    return trace_forward(network, lambda tape: network.forward(tape, inputs), dtype, network.vocabulary)
