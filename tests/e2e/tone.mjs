// Tones and ears for the stand-in phone and agent: each plays a tone of its own pitch, and tells whom it hears by the
// pitch that comes out of the other end. So a test knows that sound really went through, and whose.
import { AudioFrame, AudioSource, AudioStream, LocalAudioTrack, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';

// Few large frames: ten calls at once must fit on two cores.
const RATE = 48000, FRAME_MS = 100, FRAME = (RATE * FRAME_MS) / 1000, WINDOW = RATE / 5, LOUDNESS = 8000, AUDIBLE = 500;

// A track to publish that plays `hz`, whole waves a frame, until its process ends.
export function toneTrack(name, hz) {
  const source = new AudioSource(RATE, 1);
  const samples = Int16Array.from({ length: FRAME }, (_, n) => LOUDNESS * Math.sin((2 * Math.PI * hz * n) / RATE));
  const play = async () => {
    for (;;) await source.captureFrame(new AudioFrame(samples, RATE, 1, FRAME));
  };
  return { track: LocalAudioTrack.createAudioTrack(name, source), play };
}

export async function publish(room, track) {
  const options = new TrackPublishOptions();
  options.source = TrackSource.SOURCE_MICROPHONE;
  await room.localParticipant.publishTrack(track, options);
}

// Calls `onPitch(hz)`, rounded to 20 Hz, whenever another pitch than before is heard on `track`, twice running: the first
// window may hold half a tone.
export async function listen(track, onPitch) {
  let crossings = 0, energy = 0, seen = 0, last = 0, before = 0, pitch = 0;
  for await (const frame of new AudioStream(track, { sampleRate: RATE, numChannels: 1, frameSizeMs: FRAME_MS })) {
    for (const sample of frame.data) {
      crossings += last < 0 !== sample < 0 ? 1 : 0;
      energy += sample * sample;
      last = sample;
    }
    seen += frame.data.length;
    if (seen < WINDOW) continue;
    const hz = Math.round((crossings * RATE) / (2 * seen) / 20) * 20;
    if (Math.sqrt(energy / seen) > AUDIBLE && hz !== pitch && hz === before) onPitch((pitch = hz));
    before = hz;
    crossings = energy = seen = 0;
  }
}
