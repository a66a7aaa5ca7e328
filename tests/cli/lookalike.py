"""`python -m tests.cli.lookalike` is what an installation calls `lookalike`."""

from shards.cli import main

if __name__ == "__main__":
    main()
