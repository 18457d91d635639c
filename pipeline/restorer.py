"""Train the bundled teacher: `python -m pipeline.restorer --photos FOLDER` is `pipeline.pretrain` with its recipe."""

import sys

from pipeline.pretrain import loop as pretrain

if __name__ == "__main__":
    sys.exit(pretrain.main(["restorer", *sys.argv[1:]]))
