// The smallest real voice agent: joins the call's room, plays a tone to the caller, leaves when it is told to or when the
// room is gone. sipbridge starts it cold (the call's line is there at once), or ahead of a call as a standby
// (SIP_STANDBY=1: it says READY=1 when it has loaded everything, and waits for that line). See doc/agents.md.
//
//     npm install && sipbridge's agents file: {"tone": {"command": ["node", "agent.mjs"], "cwd": "…/examples/node"}}
import { createInterface } from 'node:readline';
import { spawnSync } from 'node:child_process';
import { AudioFrame, AudioSource, LocalAudioTrack, Room, RoomEvent, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';

const RATE = 48000, FRAME = 4800, PITCH_HZ = 440;
const source = new AudioSource(RATE, 1), track = LocalAudioTrack.createAudioTrack('tone', source), room = new Room();

async function leave() {
  await room.disconnect();
  process.exit(0);
}

async function talk() {
  for (let n = 0; ; n += FRAME) {
    const wave = Int16Array.from({ length: FRAME }, (_, i) => 8000 * Math.sin((2 * Math.PI * PITCH_HZ * (n + i)) / RATE));
    await source.captureFrame(new AudioFrame(wave, RATE, 1, FRAME));
  }
}

process.on('SIGTERM', leave);
room.on(RoomEvent.Disconnected, () => process.exit(0));
room.on(RoomEvent.TrackSubscribed, (_track, _publication, who) => console.log(`I hear ${who.identity}`));

if (process.env.SIP_STANDBY === '1') spawnSync('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' });
let taken = false;
const lines = createInterface({ input: process.stdin });
lines.once('close', () => taken || process.exit(0)); // no call came for this standby
lines.once('line', async line => {
  taken = true;
  const call = JSON.parse(line);
  console.log(`call ${call.call_sid}: ${call.caller || 'somebody'} dialled ${call.called || 'a hidden number'}`);
  await room.connect(call.livekit_url, call.token, { autoSubscribe: true, dynacast: false });
  const options = new TrackPublishOptions();
  options.source = TrackSource.SOURCE_MICROPHONE;
  await room.localParticipant.publishTrack(track, options);
  await talk();
});
