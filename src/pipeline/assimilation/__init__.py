"""Methods of assimilation, analysis = method(background, observations): one file per kind."""

from pipeline.assimilation._composition import build
from pipeline.assimilation.base import Analysis, Method

__all__ = ["Analysis", "Method", "build"]
