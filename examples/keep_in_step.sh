#!/usr/bin/env bash
# Keep an index in step with a folder of pictures, from cron:
#
#     bash examples/keep_in_step.sh ~/Photos ~/photos.index
#
# Shows what a machine does with an index day by day. A run adds what is new or changed, removes what is gone,
# checks every byte, and writes a page of the pictures that are there more than once, beside the index. It stops at the
# first step that fails, with a message, and the next run goes on from there.
set -euo pipefail

project=$(dirname "$0")/..
photos=${1:-$project/demo/pictures}
index=${2:-photos.index}

# sync would make one with everything by default; here is the place to choose what it has
lookalike stats "$index" > /dev/null 2>&1 || lookalike create "$index" --family dhash,goldberg --text

# sync also folds what it wrote into larger files, and deletes those that no reader needs any more;
# more than half of an index is never removed without --force: a disk that is not mounted looks like an empty folder
lookalike sync "$index" "$photos" --text
lookalike verify "$index" --text
lookalike duplicates "$index" --html "$index.duplicates.html" --text
