"""The first five minutes: `demo`."""

from typing import Annotated

import typer

def register(app): pass
