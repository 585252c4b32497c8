"""Both sandboxes over HTTP, a configuration, processes that may die, and a start to which all of it can be put back."""

from __future__ import annotations

import io
import json
import pickle
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from syncd.app import App
from syncd.cli.demo.stage import ANNA, SCOPES, Player, Stage
from syncd.sandbox.creatio.schema import SCHEMA, Entity
from syncd.sandbox.google.users import User
from syncd.sandbox.google.versions import Journal
from tests.kill.forkserver import Child, ForkServer, Ran
