package parts

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

// LiveKit is a livekit-server with keys of its own.
type LiveKit struct {
	*Process
	Key, Secret string
	host        string
	port        int
	redis       *Redis
	ingressPort int
}

// LiveKitOptions are what the tests start livekit-server with; the zero value is a
// server on loopback.
type LiveKitOptions struct {
	Host string // the address that it is reached at; "" means 127.0.0.1
	TCP  bool   // takes media over TCP too
	RTC  string // more of the configuration's rtc section, two spaces in front of each line
	More string // more sections
}

// StartLiveKit starts a livekit-server that needs nothing else.
func StartLiveKit(t testing.TB) *LiveKit {
	t.Helper()
	return StartLiveKitWith(t, LiveKitOptions{})
}

// StartLiveKitWith starts one that is not as usual.
func StartLiveKitWith(t testing.TB, o LiveKitOptions) *LiveKit {
	t.Helper()
	return startLiveKit(t, nil, o)
}

// StartLiveKitWithIngress starts a livekit-server, and the Redis and the
// Ingress that belong to it.
func StartLiveKitWithIngress(t testing.TB) (*LiveKit, *Ingress) {
	t.Helper()
	return StartIngressWith(t, LiveKitOptions{}, false)
}

// StartIngressWith starts them all at the options' host. With proxy, Ingress leaves
// WebRTC to livekit-server and does no more than hand on the requests.
func StartIngressWith(t testing.TB, o LiveKitOptions, proxy bool) (*LiveKit, *Ingress) {
	t.Helper()
	l := startLiveKit(t, StartRedis(t), o)
	return l, startIngress(t, l, proxy)
}

func startLiveKit(t testing.TB, redis *Redis, o LiveKitOptions) *LiveKit {
	t.Helper()
	l := &LiveKit{
		Key: "key" + rand.Text()[:8], Secret: rand.Text() + rand.Text(),
		host: hostOr(o.Host), port: FreePort(t), redis: redis, ingressPort: FreePort(t),
	}
	tcp := 0
	if o.TCP {
		tcp = FreePort(t)
	}
	config := fmt.Sprintf(`
port: %d
bind_addresses: [%q]
keys:
  %s: %s
rtc:
  udp_port: %d
  tcp_port: %d
  node_ip: %q
  use_external_ip: false
  enable_loopback_candidate: true
  ips: {includes: [%q]}
%s
logging: {level: info}
%s
`, l.port, l.host, l.Key, l.Secret, FreePort(t), tcp, l.host, prefixOf(l.host), o.RTC, o.More)
	if redis != nil {
		config += fmt.Sprintf("redis: {address: %s}\ningress: {whip_base_url: \"http://%s/w\"}\n",
			redis.address(), hostPort(l.host, l.ingressPort))
	}
	l.Process = Run(t, Command{
		Name: "livekit-server",
		Path: cached(t, "bin", "livekit-server-"+version(t, "LIVEKIT_SERVER_VERSION")),
		Args: []string{"--config", writeConfig(t, "livekit.yaml", config)},
	})
	l.WaitReady()
	return l
}

// WaitReady returns once the server answers.
func (l *LiveKit) WaitReady() {
	l.t.Helper()
	l.ready(30*time.Second, func() error { return getOK(httpClient, l.HTTP()) })
}

// URL is the address that clients and rtsp2whip are given.
func (l *LiveKit) URL() string { return "ws://" + hostPort(l.host, l.port) }

// HTTP is the address of the server's API.
func (l *LiveKit) HTTP() string { return "http://" + hostPort(l.host, l.port) }

// ViewerToken lets its bearer see a room and publish nothing.
func (l *LiveKit) ViewerToken(t testing.TB, room, identity string) string {
	t.Helper()
	yes, no := true, false
	token, err := auth.NewAccessToken(l.Key, l.Secret).SetIdentity(identity).SetValidFor(time.Hour).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room, CanSubscribe: &yes, CanPublish: &no}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// PublisherToken lets its bearer publish to a room and see nothing.
func (l *LiveKit) PublisherToken(t testing.TB, room, identity string) string {
	t.Helper()
	yes, no := true, false
	token, err := auth.NewAccessToken(l.Key, l.Secret).SetIdentity(identity).SetValidFor(time.Hour).
		SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room, CanSubscribe: &no, CanPublish: &yes}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Participants lists who is in a room.
func (l *LiveKit) Participants(ctx context.Context, room string) ([]*livekit.ParticipantInfo, error) {
	res, err := lksdk.NewRoomServiceClient(l.HTTP(), l.Key, l.Secret).
		ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: room})
	if err != nil {
		return nil, err
	}
	return res.Participants, nil
}

// Ingresses lists a room's ingresses.
func (l *LiveKit) Ingresses(ctx context.Context, room string) ([]*livekit.IngressInfo, error) {
	res, err := lksdk.NewIngressClient(l.HTTP(), l.Key, l.Secret).
		ListIngress(ctx, &livekit.ListIngressRequest{RoomName: room})
	if err != nil {
		return nil, err
	}
	return res.Items, nil
}

// CountSessions watches a room through the server's API until the test ends. The
// returned function tells the sessions, by SID, that an identity has had in it.
func (l *LiveKit) CountSessions(t testing.TB, room, identity string) func() []string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var sids []string
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			all, _ := l.Participants(ctx, room)
			mu.Lock()
			for _, p := range all {
				if p.Identity == identity && !slices.Contains(sids, p.Sid) {
					sids = append(sids, p.Sid)
				}
			}
			mu.Unlock()
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(sids)
	}
}

// FlushRedis makes the server forget its rooms and ingresses.
func (l *LiveKit) FlushRedis(t testing.TB) { l.redis.Flush(t) }

// MakeIngress makes a WHIP ingress as some other program would, and returns its id.
func (l *LiveKit) MakeIngress(t testing.TB, name, room, identity string) string {
	t.Helper()
	no := false
	info, err := lksdk.NewIngressClient(l.HTTP(), l.Key, l.Secret).CreateIngress(context.Background(), &livekit.CreateIngressRequest{
		InputType: livekit.IngressInput_WHIP_INPUT, Name: name, RoomName: room,
		ParticipantIdentity: identity, ParticipantName: identity, EnableTranscoding: &no,
	})
	if err != nil {
		t.Fatal(err)
	}
	return info.IngressId
}

// Participant returns one participant of a room, or an error while it is not there.
func (l *LiveKit) Participant(room, identity string) (*livekit.ParticipantInfo, error) {
	all, err := l.Participants(context.Background(), room)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.Identity == identity {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s is not in room %s", identity, room)
}

// RoomToken lets its bearer publish to a room, as an operator's own server would
// make it.
func (l *LiveKit) RoomToken(t testing.TB, room, identity string, life time.Duration, attributes map[string]string) string {
	t.Helper()
	token, err := auth.NewAccessToken(l.Key, l.Secret).SetIdentity(identity).SetName("The " + identity).
		SetAttributes(attributes).SetValidFor(life).SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// StreamKey is the key of an ingress.
func (l *LiveKit) StreamKey(t testing.TB, ingress string) string {
	t.Helper()
	res, err := lksdk.NewIngressClient(l.HTTP(), l.Key, l.Secret).
		ListIngress(context.Background(), &livekit.ListIngressRequest{IngressId: ingress})
	if err != nil || len(res.Items) != 1 {
		t.Fatalf("ingress %s: %v, %v", ingress, res, err)
	}
	return res.Items[0].StreamKey
}
