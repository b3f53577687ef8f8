"""`python -m minibnn` is the command `minibnn`."""

import sys

from minibnn.cli import main

sys.exit(main())
