// A phone call as livekit-sip makes it, without SIP: joins a real LiveKit room with the same kind (SIP), identity,
// attributes and order of steps as livekit-sip v1.11.0, so that webhooks and ListParticipants answers are the same. It
// "rings" until somebody's audio is subscribed, plays a tone, and keeps the line when LiveKit goes away: like
// livekit-sip it joins the same room again. SIGTERM: the caller hangs up.
//
// usage: phone.mjs CALLED CALLER [talk_ms] [ring_ms]
// Prints one JSON line an event, `at_ms` after dialling: joined, answered {ring_ms}, heard {hz, from},
// reconnecting, reconnected, rejoining, and at last ended {room, called, answered, ring_ms, ended_by: "caller|far end|no answer", reason}.
// Environment: LIVEKIT_URL LIVEKIT_API_KEY LIVEKIT_API_SECRET; SIP_ROOM_PREFIX, or SIP_ROOM_NAME for a fixed room (direct
// rule); SIP_TRUNK_ID; SIP_RULE_ID (empty: an outbound leg, a human whom the agent dialled); SIP_HIDE_NUMBERS=1;
// PHONE_HZ; PHONE_HOLD=1: says "ready" and dials when a line comes on stdin.
import { randomBytes, createHash } from 'node:crypto';
import { DisconnectReason, Room, RoomEvent, TrackKind, dispose } from '@livekit/rtc-node';
import { AccessToken } from 'livekit-server-sdk';
import { listen, publish, toneTrack } from './tone.mjs';

const [called, caller, talkMs = '3000', ringMs = '20000'] = process.argv.slice(2);
const { LIVEKIT_URL = 'ws://127.0.0.1:7880', LIVEKIT_API_KEY = 'devkey', LIVEKIT_API_SECRET = '0123456789abcdef0123456789abcdef',
        SIP_ROOM_PREFIX = 'sip-inbound', SIP_ROOM_NAME, SIP_TRUNK_ID = 'ST_standin', SIP_RULE_ID = 'SDR_standin',
        SIP_HIDE_NUMBERS, PHONE_HZ = '1000', PHONE_HOLD } = process.env;

const REJOIN_EVERY_MS = 250, REJOIN_FOR_MS = 60000;
// The far end's word that this leg is over. After anything else the line is kept: the library joins again by itself
// for some 20 s, then we do.
const FINAL = new Set(['CLIENT_INITIATED', 'DUPLICATE_IDENTITY', 'PARTICIPANT_REMOVED', 'ROOM_DELETED', 'ROOM_CLOSED']);

const id = () => randomBytes(9).toString('base64').replace(/[+/]/g, 'x');
const name = SIP_ROOM_NAME ?? `${SIP_ROOM_PREFIX}_${caller}_${id()}`;
const hidden = SIP_HIDE_NUMBERS === '1', outbound = SIP_RULE_ID === '';
const identity = `sip_${hidden ? createHash('sha256').update(caller).digest('hex').slice(0, 12) : caller}`;
let started = performance.now();
const say = (event, more = {}) => console.log(JSON.stringify({ event, at_ms: Math.round(performance.now() - started), ...more }));

const attributes = { 'sip.callID': `SCL_${id()}`, 'sip.callIDFull': `${id()}@127.0.0.1`, 'sip.callTag': id(),
  'sip.callStatus': outbound ? 'active' : 'ringing', 'sip.hostname': '127.0.0.1', 'sip.trunkID': SIP_TRUNK_ID };
if (!outbound) attributes['sip.ruleID'] = SIP_RULE_ID;
if (!hidden) Object.assign(attributes, { 'sip.phoneNumber': caller, 'sip.trunkPhoneNumber': called });

function joinToken() {
  const token = new AccessToken(LIVEKIT_API_KEY, LIVEKIT_API_SECRET, { identity, name: hidden ? '' : `Phone ${caller}`, attributes, ttl: 3600 });
  token.kind = 'sip';
  token.addGrant({ roomJoin: true, room: name, canPublish: true, canSubscribe: true, canPublishData: true, canUpdateOwnMetadata: true });
  return token.toJwt();
}

const { track, play } = toneTrack(identity, +PHONE_HZ);
let room, answered = null, finished = false;

async function finish(endedBy, reason = null) {
  if (finished) return;
  finished = true;
  if (endedBy !== 'far end') {
    await room.localParticipant?.setAttributes({ ...attributes, 'sip.callStatus': 'hangup' }).catch(() => {});
    await room.disconnect().catch(() => {});
  }
  say('ended', { room: name, called, answered: answered !== null, ring_ms: answered && Math.round(answered - started), ended_by: endedBy, reason });
  await dispose();
  process.exit(answered === null ? 1 : 0);
}

function onTrack(remote, _publication, participant) {
  if (remote.kind !== TrackKind.KIND_AUDIO) return;
  listen(remote, hz => say('heard', { hz, from: participant.identity }));
  if (answered !== null) return;
  answered = performance.now();
  say('answered', { ring_ms: Math.round(answered - started) });
  room.localParticipant.setAttributes({ ...attributes, 'sip.callStatus': 'active' }).catch(() => {});
  setTimeout(() => finish('caller'), +talkMs);
}

async function join() {
  const joining = new Room();
  room = joining;
  joining.on(RoomEvent.TrackSubscribed, onTrack);
  joining.on(RoomEvent.Reconnecting, () => say('reconnecting'));
  joining.on(RoomEvent.Reconnected, () => say('reconnected'));
  joining.on(RoomEvent.Disconnected, reason => onDisconnected(DisconnectReason[reason] ?? String(reason)));
  await joining.connect(LIVEKIT_URL, await joinToken(), { autoSubscribe: true, dynacast: false });
  say('joined', { room: name, identity });
  try {
    await publish(joining, track);
  } catch (error) { // as livekit-sip: a call whose own audio cannot be published is dropped
    if (room === joining) await finish('far end', error.message);
  }
}

async function onDisconnected(reason) {
  if (finished) return;
  if (FINAL.has(reason)) return finish('far end', reason);
  say('rejoining', { reason });
  for (const until = performance.now() + REJOIN_FOR_MS; !finished && performance.now() < until; ) {
    try {
      return await join();
    } catch {
      await new Promise(resolve => setTimeout(resolve, REJOIN_EVERY_MS));
    }
  }
  await finish('far end', reason);
}

if (PHONE_HOLD === '1') {
  say('ready');
  await new Promise(resolve => process.stdin.once('data', resolve));
  process.stdin.destroy();
  started = performance.now();
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => finish('caller'));
setTimeout(() => answered === null && finish('no answer'), +ringMs);
play();
await join();
