"""Fetches the vocabulary of bert-base-uncased: the same as `minibnn data vocab`, with the same options."""

import sys

from minibnn.cli import main

if __name__ == "__main__":
    sys.exit(main(["data", "vocab", *sys.argv[1:]]))
