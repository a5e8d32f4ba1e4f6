// The smallest real voice agent: joins the call's room, plays a tone, leaves when told to or when the room is gone. It
// prints what it hears, so the call's log file tells that the caller was heard too.
// Cold: reads the one JSON line on stdin. Standby (SIP_STANDBY=1): imports done, says READY=1, waits for that line.
//
// Environment, for the tests' other kinds of agents: AGENT_HZ its pitch; AGENT_TALK_MS: says goodbye after so long;
// AGENT_STANDARD=1: joins with an ordinary token of its own (needs LIVEKIT_API_KEY and _SECRET), as many a framework
// does; AGENT_HAND_OVER=1: leaves when a human whom it dialled has joined; AGENT_STUBBORN=1: ignores SIGTERM. AGENT_ON_LOSS: what it
// does when LiveKit is gone: nothing (its library joins again by itself), exit (with 0), crash (with 1), or hang (for ever, outside).
import { createInterface } from 'node:readline';
import { spawnSync } from 'node:child_process';
import { Room, RoomEvent, TrackKind } from '@livekit/rtc-node';
import { listen, publish, toneTrack } from './tone.mjs';

const { AGENT_HZ = '440', AGENT_TALK_MS, AGENT_STANDARD, AGENT_HAND_OVER, AGENT_STUBBORN, AGENT_ON_LOSS, SIP_STANDBY } = process.env;
const { track, play } = toneTrack('tone', +AGENT_HZ), room = new Room();
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

async function leave() {
  await room.disconnect();
  process.exit(0);
}

async function ordinaryToken(call) {
  const { AccessToken } = await import('livekit-server-sdk');
  const token = new AccessToken(process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET, { identity: `bot-${call.call_sid}` });
  token.addGrant({ roomJoin: true, room: call.room });
  return token.toJwt();
}

const lost = { exit: 0, crash: 1 };
room.on(RoomEvent.Disconnected, () => AGENT_ON_LOSS === 'hang' || process.exit(lost[AGENT_ON_LOSS] ?? 0));
room.on(RoomEvent.Reconnecting, () => {
  if (AGENT_ON_LOSS in lost) process.exit(lost[AGENT_ON_LOSS]);
  if (AGENT_ON_LOSS === 'hang') room.disconnect();
});
room.on(RoomEvent.TrackSubscribed, (remote, _publication, participant) => {
  if (remote.kind !== TrackKind.KIND_AUDIO) return;
  listen(remote, hz => say('heard', { hz, from: participant.identity }));
  const isHuman = !participant.attributes['sip.ruleID'] && participant.attributes['sip.callID'];
  if (AGENT_HAND_OVER === '1' && isHuman) leave();
});
process.on('SIGTERM', () => AGENT_STUBBORN === '1' || leave());

// What the first connect() of a process sets up takes 10 to 40 ms: a standby has that behind it, by one to where nobody listens.
if (SIP_STANDBY === '1') await new Room().connect('ws://127.0.0.1:1', '-', { joinRetries: 0 }).catch(() => {});
if (SIP_STANDBY === '1') spawnSync('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' });
let taken = false;
const lines = createInterface({ input: process.stdin });
lines.once('close', () => taken || process.exit(0));
lines.once('line', async line => {
  taken = true;
  const call = JSON.parse(line);
  await room.connect(call.livekit_url, AGENT_STANDARD === '1' ? await ordinaryToken(call) : call.token, { autoSubscribe: true, dynacast: false });
  const published = publish(room, track); // LiveKit is asked first: making sound keeps this process busy
  play();
  await published;
  if (AGENT_TALK_MS) setTimeout(leave, +AGENT_TALK_MS);
});
