#!/bin/sh
# Writes what the program says of itself into the documents: doc/sipbridge.1, doc/settings.md, doc/commands.md, and
# README.md between its <!-- settings --> and <!-- commands --> marks, doc/doctor.md between <!-- doctor --> marks,
# doc/metrics.md, doc/call-log.md and doc/operations.md between theirs, the diagrams of doc/architecture.md; and the shells'
# completion into deploy/completion. Run it after a change of a command, a setting, a check, a metric, a member of the call log, a
# log message, a state of health, a row of the tables in src/calls, or a layer.
set -eu
cd "$(dirname "$0")/.."
sipbridge=${1:-build/release/sipbridge}

document() { # FILE TITLE TABLE
    { printf '# %s\n\nMade by doc/update.sh; do not edit.\n\n' "$2"; "$sipbridge" docs "$3"; } > "$1"
}

between_marks() { # FILE TABLE COMMAND...
    file=$1 table=$2
    shift 2
    "$@" > "$file.$table"
    set -- "$file" "$table"
    sed -e "/<!-- $2 -->/,/<!-- \/$2 -->/{/<!-- $2 -->/{p;r $1.$2
        };/<!-- \/$2 -->/p;d}" "$1" > "$1.new"
    rm "$1.$2"
    mv "$1.new" "$1"
}

"$sipbridge" docs man > doc/sipbridge.1
"$sipbridge" docs completion-bash > deploy/completion/sipbridge.bash
"$sipbridge" docs completion-zsh > deploy/completion/_sipbridge
document doc/settings.md Settings settings
document doc/commands.md Commands commands
between_marks README.md settings "$sipbridge" docs settings
between_marks README.md commands "$sipbridge" docs commands
between_marks doc/doctor.md doctor "$sipbridge" docs doctor
between_marks doc/metrics.md metrics "$sipbridge" docs metrics
between_marks doc/call-log.md call-log "$sipbridge" docs call-log
between_marks doc/operations.md health "$sipbridge" docs health
between_marks doc/operations.md messages "$sipbridge" docs messages
between_marks doc/architecture.md life "$sipbridge" docs life
between_marks doc/architecture.md exits "$sipbridge" docs exits
between_marks doc/architecture.md layers python3 tests/lint/lint.py --layers
