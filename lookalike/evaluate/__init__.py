"""Measuring what is found: copies of your own pictures are asked for, and what scores how much is counted."""

from lookalike.evaluate.evaluating import Settings, evaluate
from lookalike.evaluate.result import Evaluation

__all__ = ["Evaluation", "Settings", "evaluate"]
