// A program that knows nothing of sipbridge (examples/shell hands it its call): joins what its environment names, and plays.
import { Room, RoomEvent } from '@livekit/rtc-node';
import { publish, toneTrack } from './tone.mjs';

const { track, play } = toneTrack('announcement', 440), room = new Room();
process.on('SIGTERM', async () => {
  await room.disconnect();
  process.exit(0);
});
room.on(RoomEvent.Disconnected, () => process.exit(0));
await room.connect(process.env.LIVEKIT_URL, process.env.LIVEKIT_TOKEN, { autoSubscribe: true, dynacast: false });
play();
await publish(room, track);
