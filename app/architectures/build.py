"""From a model reference to a network on the tape."""

from collections.abc import Mapping
from typing import Any

from app.architectures import graph
from app.architectures.library import find
from app.architectures.network import Network, Options
from app.architectures.readers import (
    beit_config,
    detectors,
    diffusers_config,
    diffusers_pipeline,
    layer_list,
    likeness,
    mobile_images,
    staged_images,
    timm_models,
    torchvision_config,
    transformers_config,
)
from app.architectures.readers.contradictions import refuse_contradictions
from app.architectures.readers.layer_names import layer_names
from app.architectures.readers.likeness import Unmodelled, too_unlike
from app.workloads.fields import invalid_field
from app.workloads.model import ConfigModel, GraphModel, LayerListModel, ModelReference, PresetModel, SizeModel

BY_MODEL_TYPE = {
    **transformers_config.BUILDERS, **staged_images.BUILDERS, **beit_config.BUILDERS, **mobile_images.BUILDERS, **detectors.BUILDERS,
    **torchvision_config.BUILDERS,
}  # fmt: skip
DIFFUSERS = {**diffusers_config.BUILDERS, **diffusers_pipeline.BUILDERS}


def build_network(reference: ModelReference, options: Options) -> Network:
    """The network that the reference names.

    Raises InvalidInput with the field's path where the reference is wrong, Unmodelled where no program is known.
    """
    match reference:
        case PresetModel():
            return _preset(reference, options)
        case ConfigModel():
            return build_from_config(reference.config, options)
        case LayerListModel():
            return layer_list.build(reference.input, reference.layers, options)
        case GraphModel():
            return graph.build(reference.graph, options)
        case SizeModel():
            raise Unmodelled("a network known only by its size", reference.parameters, reference.family)


def _preset(reference: PresetModel, options: Options) -> Network:
    name = reference.preset
    if timm_models.knows(name):
        return timm_models.build(name, reference.options, options)
    entry = find(name)
    if timm_models.knows(entry.id):
        return timm_models.build(entry.id, reference.options, options)
    try:
        network = build_from_config({**entry.config, **reference.options}, options)
    except Unmodelled as unmodelled:
        raise Unmodelled(entry.name, entry.parameters, entry.family) from unmodelled
    if too_unlike(network, entry.parameters):
        raise Unmodelled(entry.name, entry.parameters, entry.family)
    return network


def build_from_config(config: Mapping[str, Any], options: Options) -> Network:
    """The network of a Hugging Face config.json, of transformers (`model_type`) or diffusers (`_class_name`).

    A transformer of a type that is not known here is taken for the nearest known one, which the network then says of itself.
    """
    if "_class_name" in config:
        builder = DIFFUSERS.get(str(config["_class_name"]))
        what = f"'{str(config['_class_name'])[:60]}'"
    elif "model_type" in config:
        refuse_contradictions(config)
        builder = BY_MODEL_TYPE.get(str(config["model_type"]))
        what = f"model type '{str(config['model_type'])[:60]}'"
    else:
        raise invalid_field("model.config", "there is neither model_type nor _class_name in it: is this the model's config.json?")
    network = likeness.network(config, what, options) if builder is None else builder(config, options)
    network.layer_names = layer_names(config)
    return network
