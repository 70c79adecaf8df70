"""Where are retrieval and reasoning readable in one model?"""

from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import locate

__all__ = ["LocateConfig", "locate"]
