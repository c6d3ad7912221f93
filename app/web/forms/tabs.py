"""The four tabs of the form, in the order they are shown."""

from app.web.forms.field import Tab
from app.web.forms.image_fields import IMAGES
from app.web.forms.running_fields import RUN
from app.web.forms.tabular_fields import TABULAR
from app.web.forms.training_fields import TRAIN

TABS: tuple[Tab, ...] = (TRAIN, RUN, IMAGES, TABULAR)
_BY_NAME = {tab.name: tab for tab in TABS}


def tab_named(name: str) -> Tab:
    """The tab of that name, the first where the name is unknown."""
    return _BY_NAME.get(name, TABS[0])
