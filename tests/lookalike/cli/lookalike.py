"""`python -m tests.lookalike.cli.lookalike` is what an installation calls `lookalike`."""

from lookalike.cli import main

if __name__ == "__main__":
    main()
