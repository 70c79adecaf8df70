"""Where another program decides what may stand: the only values of this wing whose fields no type of ours names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ForeignJson = Mapping[str, Any]
"""An object in another program's format: config.json, adapter_config.json, tokenizer.json, transformers' configurations, a person's item.

Its names and types change with the program's version and with the architecture, so it is read key by key.
"""
ForeignKwargs = dict[str, Any]
"""Keyword arguments between another library's functions and modules, handed on as they came."""
DeviceMap = Mapping[str, int | str]
"""accelerate's: a device for each module path."""
