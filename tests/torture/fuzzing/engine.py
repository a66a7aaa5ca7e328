"""Atheris over one target: `python -m tests.torture.fuzzing.engine TARGET [options of libFuzzer] CORPUS`.

Runs in an environment of its own, since Atheris has no wheels for every machine that tests.
"""

from __future__ import annotations

import logging
import sys
import warnings
from random import Random

import atheris

from tests.torture.fuzzing.targets import target

OF_OURS = ["shards", "lookalike", "functions"]
"""Packages whose ways through the code count as new ones."""


def main(name: str, arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends this process."""
    warnings.simplefilter("ignore")
    logging.disable()
    with atheris.instrument_imports(include=OF_OURS):
        fuzzed = target(name)
        fuzzed.seeds()  # imports what is imported late

    def mutate(data: bytes, limit: int, seed: int) -> bytes:
        return fuzzed.mutate(data, lambda part: atheris.Mutate(part, limit), Random(seed))[:limit]

    atheris.Setup([sys.argv[0], *arguments], fuzzed.check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
