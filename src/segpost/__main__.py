"""The command line as a module: `python -m segpost` is `segpost`."""

import sys

from segpost.cli import main

if __name__ == "__main__":
    sys.exit(main())
