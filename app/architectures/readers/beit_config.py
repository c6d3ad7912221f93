"""Configurations of transformers' BEiT."""

from app.architectures.network import Network, Options
from app.architectures.readers.fields import flag, fraction, number
from app.architectures.readers.image_encoders import block_spec, labels, patch_spec
from app.architectures.readers.staged_images import with_known_head
from app.architectures.readers.transformers_config import Builder, Config
from app.architectures.transformers_beit import Beit, BeitSpec


def beit(config: Config, options: Options) -> Network:
    """BeitConfig: a classifier of images, or the encoder alone."""
    spec = BeitSpec(
        patches=patch_spec(config, image=224, patch=16, mask_token=flag(config, "use_mask_token", False)),
        blocks=block_spec(config, factors=number(config, "layer_scale_init_value", 0.1) > 0),
        absolute_positions=flag(config, "use_absolute_position_embeddings", False),
        own_positions=flag(config, "use_relative_position_bias", False),
        shared_positions=flag(config, "use_shared_relative_position_bias", False),
        drop_path=fraction(config, "drop_path_rate", 0.1),
        mean=flag(config, "use_mean_pooling", True),
        labels=labels(config),
    )
    return Beit(spec, options)


BUILDERS: dict[str, Builder] = {"beit": with_known_head(beit)}
