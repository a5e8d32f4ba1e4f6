// A webhook receiver as the documentation of LiveKit's Go SDK shows it. Prints its port on 127.0.0.1.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/webhook"
)

func main() {
	provider := auth.NewSimpleKeyProvider(os.Getenv("LIVEKIT_API_KEY"), os.Getenv("LIVEKIT_API_SECRET"))
	http.HandleFunc("/webhooks/livekit", func(answer http.ResponseWriter, request *http.Request) {
		event, err := webhook.ReceiveWebhookEvent(request, provider)
		if err != nil || event.GetEvent() == "" {
			answer.WriteHeader(http.StatusUnauthorized)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println(listener.Addr().(*net.TCPAddr).Port)
		err = http.Serve(listener, nil)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
