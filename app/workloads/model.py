"""How a person names the network: a library preset, a config.json, a size and a family, or a list of layers."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from app.workloads.fields import Count, Document, bounded

Family = Literal["decoder", "encoder", "encoder_decoder", "vision", "convolutional", "diffusion", "recurrent", "dense"]

LARGEST_GRAPH = 4_000  # operators; a vision transformer exported to ONNX has about a thousand
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
    options: Annotated[dict[str, Any], Field(max_length=50), AfterValidator(bounded)] = {}


class ConfigModel(Weighed):
    """A Hugging Face config.json, of transformers or diffusers, as a JSON object."""

    config: Annotated[dict[str, Any], Field(min_length=1, max_length=LARGEST_CONFIG_ENTRIES), AfterValidator(bounded)]


class SizeModel(Weighed):
    """Only the size is known. The interval is wide and says so."""

    parameters: Annotated[int, Field(ge=1, le=10**14)]
    family: Family = "decoder"


class LayerListModel(Weighed):
    """A network as a list of layers, such as a tutorial shows it."""

    input: Annotated[tuple[Count, ...], Field(min_length=1, max_length=4)]
    layers: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=2_000), AfterValidator(bounded)]


class GraphInput(Document):
    """One input of a graph, without its batch dimension; indices are whole numbers such as token ids."""

    shape: Annotated[tuple[Count, ...], Field(max_length=7)]
    kind: Literal["values", "indices"] = "values"


class Graph(Document):
    """Operators in the order they run. Values are numbered: the inputs first, then each node's result; `from` names what a node takes."""

    inputs: Annotated[tuple[GraphInput, ...], Field(min_length=1, max_length=32)]
    nodes: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=LARGEST_GRAPH), AfterValidator(bounded)]
    output: Annotated[int, Field(ge=0)] | None = None  # None: the last node's


class GraphModel(Weighed):
    """A network as a graph of operators, which the readers of ONNX and Keras files make."""

    graph: Graph


ModelReference = PresetModel | ConfigModel | SizeModel | LayerListModel | GraphModel
