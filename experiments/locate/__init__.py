"""Where are retrieval and reasoning readable in one model?"""

from experiments.locate.config import LocateConfig
from experiments.locate.locate import locate

__all__ = ["LocateConfig", "locate"]
