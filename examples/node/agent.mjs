// The smallest voice agent in Node.js: joins the call's room, plays a tone to the caller, leaves when it is told to or when
// the room is gone. The two parts between rulers are all that sipbridge asks of it: lift them into your own agent.
import { AudioFrame, AudioSource, LocalAudioTrack, Room, RoomEvent, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';
// --- sipbridge, part 1 -------------------------------------------------------------------------------------------------
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

// Says that all is loaded, and gives the call: at once when started for one, later as a standby. No call: exit 0.
async function waitForCall() {
  if (process.env.NOTIFY_SOCKET) { // Node has no such sockets; this little program of systemd is not waited for
    spawn('systemd-notify', ['--ready', '--no-block'], { stdio: 'inherit' }).on('error', error => console.error(`not ready: ${error.message}`));
  }
  for await (const line of createInterface({ input: process.stdin })) return JSON.parse(line);
  process.exit(0);
}
// --- end of part 1 -----------------------------------------------------------------------------------------------------

const RATE = 48000, FRAME = 4800, PITCH_HZ = 440;
const TONE = Int16Array.from({ length: FRAME }, (_, n) => 8000 * Math.sin((2 * Math.PI * PITCH_HZ * n) / RATE)); // whole waves

// What can be made without a call is made before waitForCall: a standby has it behind it when the phone rings.
const source = new AudioSource(RATE, 1), track = LocalAudioTrack.createAudioTrack('tone', source), room = new Room();
const options = new TrackPublishOptions();
options.source = TrackSource.SOURCE_MICROPHONE;
if (process.env.SIP_STANDBY === '1') { // so is what the first connect() sets up, by one to where nobody listens
  await new Room().connect('ws://127.0.0.1:1', '-', { joinRetries: 0 }).catch(() => {});
}
room.on(RoomEvent.TrackSubscribed, (_track, _publication, who) => console.log(`I hear ${who.identity}`));

// --- sipbridge, part 2: nothing is connected before the call; told to stop: leave ---------------------------------------
async function leave() {
  await room.disconnect();
  process.exit(0);
}

process.on('SIGTERM', leave);
room.on(RoomEvent.Disconnected, () => process.exit(0));
const call = await waitForCall();
await room.connect(call.livekit_url, call.token, { autoSubscribe: true, dynacast: false });
// --- end of part 2 -----------------------------------------------------------------------------------------------------

console.log(`call ${call.call_sid}: ${call.caller || 'somebody'} dialled ${call.called || 'a hidden number'}`);
await room.localParticipant.publishTrack(track, options);
for (;;) await source.captureFrame(new AudioFrame(TONE, RATE, 1, FRAME));
