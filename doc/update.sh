#!/bin/sh
# Writes what the program says of itself into the documents: doc/sipbridge.1, doc/settings.md, doc/commands.md, and
# README.md between its <!-- settings --> and <!-- commands --> marks, doc/doctor.md between <!-- doctor --> marks,
# doc/metrics.md, doc/call-log.md and doc/operations.md between theirs; and the shells' completion into deploy/completion. Run it
# after a change of a command, a setting, a check, a metric, a member of the call log, a log message or a state of health.
set -eu
cd "$(dirname "$0")/.."
sipbridge=${1:-build/release/sipbridge}

document() { # FILE TITLE TABLE
    { printf '# %s\n\nMade by doc/update.sh; do not edit.\n\n' "$2"; "$sipbridge" docs "$3"; } > "$1"
}

between_marks() { # FILE TABLE
    "$sipbridge" docs "$2" > "$1.$2"
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
between_marks README.md settings
between_marks README.md commands
between_marks doc/doctor.md doctor
between_marks doc/metrics.md metrics
between_marks doc/call-log.md call-log
between_marks doc/operations.md health
between_marks doc/operations.md messages
