"""Fetches WikiText-2 or WikiText-103, whole or in part: the same as `minibnn data wikitext`, with the same options."""

import sys

from minibnn.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "wikitext", *sys.argv[1:]]))
