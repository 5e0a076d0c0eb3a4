"""`python -m segpost --cmakedir | --includes | --libdir | --pkgconfigdir`: folders for a build."""

import argparse
import sys

import segpost


def main() -> int:
    """Print one of the folders."""
    parser = argparse.ArgumentParser(prog="python -m segpost")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--cmakedir", action="store_true", help="for CMake's segpost_DIR")
    group.add_argument("--includes", action="store_true", help="-I and the folder of headers")
    group.add_argument("--libdir", action="store_true", help="the folder of libsegpost.so")
    group.add_argument("--pkgconfigdir", action="store_true", help="for PKG_CONFIG_PATH")
    options = parser.parse_args()
    try:
        include = segpost.get_include()
    except ImportError as error:
        print(f"segpost: error: {error}", file=sys.stderr)
        return 2
    library = include.parent / "lib"
    if options.cmakedir:
        print(library / "cmake" / "segpost")
    elif options.pkgconfigdir:
        print(library / "pkgconfig")
    else:
        print(library if options.libdir else f"-I{include}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
