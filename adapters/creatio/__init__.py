"""Creatio (formerly bpm'online) behind the ports of the core: contacts and private tags over OData 4."""

from adapters.creatio.adapter import Creatio
from adapters.creatio.settings import CreatioSettings

__all__ = ["Creatio", "CreatioSettings"]
