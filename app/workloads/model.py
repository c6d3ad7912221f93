"""How a person names the network: a library preset, a config.json, a size and a family, or a list of layers."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.workloads.fields import Count, Document

Family = Literal["decoder", "encoder", "encoder_decoder", "vision", "convolutional", "diffusion", "recurrent", "dense"]

LARGEST_CONFIG_ENTRIES = 2_000  # a real config.json has some fifty


class FileWeights(Document):
    """The weights of a file as they lie in it: bytes of all its tensors, and the weight format that they are in.

    In that format they win over what is derived from shapes; in any other the derivation stands.
    """

    bytes: Annotated[int, Field(ge=1, le=10**16)]
    format: Annotated[str, Field(min_length=1, max_length=20)]


class Weighed(Document):
    """A form that may carry the weights of an uploaded file."""

    weights: FileWeights | None = None


class PresetModel(Weighed):
    """A model of the library, by its Hugging Face repository id or timm name; a generic network takes `options`."""

    preset: Annotated[str, Field(min_length=1, max_length=200)]
    options: Annotated[dict[str, Any], Field(max_length=50)] = {}


class ConfigModel(Weighed):
    """A Hugging Face config.json, of transformers or diffusers, as a JSON object."""

    config: Annotated[dict[str, Any], Field(min_length=1, max_length=LARGEST_CONFIG_ENTRIES)]


class SizeModel(Weighed):
    """Only the size is known. The interval is wide and says so."""

    parameters: Annotated[int, Field(ge=1, le=10**14)]
    family: Family = "decoder"


class LayerListModel(Weighed):
    """A network as a list of layers, such as a tutorial shows it."""

    input: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)]
    layers: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=2_000)]


ModelReference = PresetModel | ConfigModel | SizeModel | LayerListModel
