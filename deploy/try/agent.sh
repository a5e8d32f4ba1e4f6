#!/bin/sh
# The smallest agent: takes its one JSON line, "talks" until it is told to stop, and says good-bye.
# A real one would join LIVEKIT_URL with LIVEKIT_TOKEN here.
IFS= read -r line || exit 0 # end of file before the line: no call for us
trap 'echo "$SIP_AGENT_NAME: good-bye"; exit 0' TERM
echo "$SIP_AGENT_NAME: hello $SIP_CALLER_NUMBER, you called $SIP_CALLED_NUMBER"
echo "$SIP_AGENT_NAME: got ${#line} bytes about the call, rule metadata ${SIP_RULE_METADATA:-none}"
while :; do
  sleep 1 &
  wait $!
  echo "$SIP_AGENT_NAME: and how can I help you?"
done
