#!/bin/sh
# Hands a call over to a program that knows nothing of sipbridge: it finds in its environment what the call's line said, and
# takes the place of this script, so it gets the SIGTERM and its exit code counts. As a standby too, but the program itself is
# loaded when the call is there: what is slow to load should wait for its line itself (examples/python, examples/node).
#
#   {"announce": {"command": ["sh", "agent.sh", "PROGRAM", "ARGUMENT"…], "standby": 2}}
set -eu

# --- sipbridge: ready, wait for the line; told to stop, or end of file, while no call has come: it ends with 0 ----------
trap 'exit 0' TERM
[ -z "${NOTIFY_SOCKET:-}" ] || systemd-notify --ready --no-block
IFS= read -r line || exit 0
call=$(printf '%s\n' "$line" | jq -r '@sh "LIVEKIT_URL=\(.livekit_url) LIVEKIT_TOKEN=\(.token) SIP_CALL_SID=\(.call_sid)
  SIP_ROOM_NAME=\(.room) SIP_AGENT_NAME=\(.agent) SIP_CALLED_NUMBER=\(.called) SIP_CALLER_NUMBER=\(.caller)
  SIP_TRUNK_ID=\(.trunk) SIP_RULE_METADATA=\(.metadata | tojson)"')
set -a # what is set is exported
eval "$call"
# --- end of it -----------------------------------------------------------------------------------------------------------

echo "call $SIP_CALL_SID: ${SIP_CALLER_NUMBER:-somebody} dialled ${SIP_CALLED_NUMBER:-a hidden number}"
exec "$@"
