package ingress_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rtsp2whip/rtsp2whip/pkg/ingress"
	"github.com/rtsp2whip/rtsp2whip/pkg/ingress/ingresstest"
)

// The endpoint of a camera, for a WHIP client.
func ExampleClient_Ensure() {
	server := ingresstest.Start() // stands for wss://livekit.example.com
	defer server.Close()

	client, err := ingress.New(ingress.Config{URL: server.URL, APIKey: ingresstest.Key, APISecret: ingresstest.Secret})
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseIdleConnections()

	endpoint, err := client.Ensure(context.Background(), ingress.Spec{
		Name: ingress.Marker("", "gate"), Room: "site-42", Identity: "gate", DisplayName: "Gate, north",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("POST", endpoint.URL)
	fmt.Println("bearer token:", endpoint.StreamKey, len(endpoint.StreamKey.Reveal()) > 0)
	// Output:
	// POST https://whip.example.com/w
	// bearer token: [redacted] true
}

// Without Ingress: livekit-server's own WHIP endpoint, and a token for it.
func ExampleClient_RoomToken() {
	client, err := ingress.New(ingress.Config{URL: "wss://livekit.example.com", APIKey: "APIkey", APISecret: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	endpoint, err := ingress.ServerWHIPURL("wss://livekit.example.com")
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.RoomToken(ingress.Spec{Room: "site-42", Identity: "gate"}, 10*time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("POST", endpoint, len(token) > 0)
	// Output: POST https://livekit.example.com/whip/v1 true
}
