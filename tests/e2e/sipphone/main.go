// A phone call by livekit-sip's own steps, without SIP: made with the SDK that livekit-sip is made of, in its order (pkg/sip/inbound.go
// and room.go of v1.11): join without subscribing, say the attributes, publish an audio track, subscribe; the first audio that
// somebody else publishes ends the ringing. So ringing takes as long as it does for a caller: most of it is this side's own WebRTC
// connection. phone.mjs plays and hears tones and lives through restarts, and is connected sooner; this one only rings.
//
// usage, output and environment: those of phone.mjs with PHONE_HOLD=1, of which it prints ready, joined, answered {ring_ms}, heard (the
// first packet of the agent's track, without a pitch) and ended. SIGTERM: the caller hangs up.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const frame = 20 * time.Millisecond

var silence = []byte{0xf8, 0xff, 0xfe} // one Opus frame of it

type call struct {
	called, caller, room string
	talk, ring           time.Duration
	attributes           map[string]string
	dialled              time.Time
	subscribing          bool
	lock                 sync.Mutex // of subscribing
	answered             chan struct{}
	answer               sync.Once
	gone                 chan struct{}
	leave                sync.Once
}

func main() {
	call := newCall(os.Args[1:])
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGINT, syscall.SIGTERM)

	call.say("ready", nil)
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		log.Fatal("nobody dialled: ", err)
	}
	call.dialled = time.Now()
	room := call.join()
	call.publish(room)
	call.subscribe(room)

	answered, endedBy := call.wait(room, hangUp)
	if endedBy != "far end" {
		call.state(room, "hangup")
		room.Disconnect()
	}
	call.say("ended", map[string]any{"room": call.room, "called": call.called, "answered": answered, "ended_by": endedBy})
	if !answered {
		os.Exit(1)
	}
}

func newCall(arguments []string) *call {
	if len(arguments) != 4 {
		log.Fatal("usage: sipphone CALLED CALLER TALK_MS RING_MS")
	}
	call := &call{called: arguments[0], caller: arguments[1], dialled: time.Now(), answered: make(chan struct{}), gone: make(chan struct{})}
	call.talk, call.ring = milliseconds(arguments[2]), milliseconds(arguments[3])
	call.room = setting("SIP_ROOM_NAME", setting("SIP_ROOM_PREFIX", "sip-inbound")+"_"+call.caller+"_"+id())
	call.attributes = map[string]string{"sip.callID": "SCL_" + id(), "sip.callIDFull": id() + "@127.0.0.1", "sip.callTag": id(),
		"sip.callStatus": "ringing", "sip.hostname": "127.0.0.1", "sip.phoneNumber": call.caller, "sip.trunkPhoneNumber": call.called,
		"sip.trunkID": setting("SIP_TRUNK_ID", "ST_standin"), "sip.ruleID": setting("SIP_RULE_ID", "SDR_standin")}
	return call
}

func milliseconds(text string) time.Duration {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal("not a number of milliseconds: ", text)
	}
	return time.Duration(value) * time.Millisecond
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func id() string {
	bytes := make([]byte, 9)
	rand.Read(bytes)
	return base64.RawURLEncoding.EncodeToString(bytes)
}

func (call *call) say(event string, more map[string]any) {
	line := map[string]any{"event": event, "at_ms": time.Since(call.dialled).Milliseconds()}
	maps.Copy(line, more)
	text, err := json.Marshal(line)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}

func (call *call) token() string {
	yes := true
	token, err := auth.NewAccessToken(setting("LIVEKIT_API_KEY", ""), setting("LIVEKIT_API_SECRET", "")).
		SetIdentity("sip_" + call.caller).SetName("Phone " + call.caller).SetKind(livekit.ParticipantInfo_SIP).
		SetAttributes(call.attributes).SetValidFor(time.Hour).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: call.room, CanPublish: &yes, CanSubscribe: &yes,
			CanPublishData: &yes, CanUpdateOwnMetadata: &yes}).ToJWT()
	if err != nil {
		log.Fatal("token: ", err)
	}
	return token
}

func (call *call) join() *lksdk.Room {
	room := lksdk.NewRoom(&lksdk.RoomCallback{
		OnDisconnected: func() { call.leave.Do(func() { close(call.gone) }) },
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackPublished: func(track *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
				if call.isSubscribing() {
					call.take(track)
				}
			},
			OnTrackSubscribed: func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, from *lksdk.RemoteParticipant) {
				if _, _, err := track.ReadRTP(); err == nil {
					call.say("heard", map[string]any{"from": from.Identity()})
				}
			},
		},
	})
	if err := room.JoinWithToken(setting("LIVEKIT_URL", "ws://127.0.0.1:7880"), call.token(), lksdk.WithAutoSubscribe(false),
		lksdk.WithExtraAttributes(call.attributes)); err != nil {
		log.Fatal("join: ", err)
	}
	call.say("joined", map[string]any{"room": call.room, "identity": room.LocalParticipant.Identity()})
	room.LocalParticipant.SetAttributes(call.attributes)
	return room
}

func (call *call) publish(room *lksdk.Room) {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "pion")
	if err == nil {
		_, err = room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Name: room.LocalParticipant.Identity()})
	}
	if err != nil {
		log.Fatal("publish: ", err)
	}
	go func() {
		for range time.Tick(frame) {
			if track.WriteSample(media.Sample{Data: silence, Duration: frame}) != nil {
				return
			}
		}
	}()
}

func (call *call) isSubscribing() bool {
	call.lock.Lock()
	defer call.lock.Unlock()
	return call.subscribing
}

// What was published before, and from now on what is.
func (call *call) subscribe(room *lksdk.Room) {
	call.lock.Lock()
	call.subscribing = true
	call.lock.Unlock()
	for _, participant := range room.GetRemoteParticipants() {
		for _, track := range participant.TrackPublications() {
			if track, ok := track.(*lksdk.RemoteTrackPublication); ok {
				call.take(track)
			}
		}
	}
}

func (call *call) take(track *lksdk.RemoteTrackPublication) {
	if track.Kind() == lksdk.TrackKindAudio && track.SetSubscribed(true) == nil {
		call.answer.Do(func() { close(call.answered) })
	}
}

func (call *call) state(room *lksdk.Room, status string) {
	call.attributes["sip.callStatus"] = status
	room.LocalParticipant.SetAttributes(call.attributes)
}

// Until the call is over: was it answered, and who ended it?
func (call *call) wait(room *lksdk.Room, hangUp <-chan os.Signal) (bool, string) {
	select {
	case <-call.answered:
	case <-hangUp:
		return false, "caller"
	case <-call.gone:
		return false, "far end"
	case <-time.After(call.ring):
		return false, "no answer"
	}
	call.say("answered", map[string]any{"ring_ms": time.Since(call.dialled).Milliseconds()})
	call.state(room, "active")
	select {
	case <-hangUp:
	case <-time.After(call.talk):
	case <-call.gone:
		return true, "far end"
	}
	return true, "caller"
}
