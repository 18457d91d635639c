"""Train the bundled teacher: `python -m pipeline.restorer --photos FOLDER` is `pipeline.pretrain` with its recipe."""

import sys

from pipeline.pretrain.command import main

if __name__ == "__main__":
    sys.exit(main(recipe="restorer"))
