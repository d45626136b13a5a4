package whip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/ice/v4"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4/packetio"
)

const (
	// consentInterval is between two checks of the path. RFC 7675 section 5.1 asks
	// for 5 s with a jitter of 20 %, and for 4 s at least.
	consentInterval = 4 * time.Second
	// relayWait leaves direct paths a second before one over a TURN server is taken.
	relayWait = time.Second
	// noFail is never waited for: a session is given up when it is disconnected.
	noFail = time.Minute
)

// peer is this end of a session's connection: an ICE agent, DTLS over it, and the
// SRTP keys that come of that. It is what a PeerConnection is to a sender that only
// ever offers, less what costs time on the way of each packet: packets are encrypted
// where they leave from, see route.
type peer struct {
	log         pionLogs
	events      *states
	onRTCP      func(decrypted []byte)
	agent       *ice.Agent
	certificate tls.Certificate
	route       route

	mu       sync.Mutex
	gathered chan struct{} // of the gathering under way or done
	complete bool

	iceState atomic.Int32
	dtls     atomic.Pointer[dtls.Conn]
	in       atomic.Pointer[srtp.Context] // what the server sends: RTCP
	records  *packetio.Buffer             // DTLS that has arrived

	outMu  sync.Mutex
	out    *srtp.Context // our RTCP
	sealed []byte

	servers     atomic.Pointer[[]*stun.URI] // STUN and TURN
	stopDialing context.CancelFunc

	stop    context.CancelFunc
	running sync.WaitGroup
}

// newPeer makes a connection with nothing running.
func (c *Client) newPeer(mux ice.UDPMux, socks sockets, servers []ICEServer, events *states, onRTCP func([]byte)) (*peer, error) {
	p := &peer{log: pionLogs{c.log}, events: events, onRTCP: onRTCP, records: packetio.NewBuffer()}
	p.records.SetLimitSize(maxRecords)
	p.route.sockets = socks
	p.iceState.Store(int32(ice.ConnectionStateNew))
	var err error
	if p.certificate, err = selfsign.GenerateSelfSigned(); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	urls, err := iceURLs(servers)
	if err != nil {
		return nil, err
	}
	p.servers.Store(&urls)
	relayTLS, err := c.cfg.TLS.relayTLS()
	if err != nil {
		return nil, err
	}
	var dialing context.Context
	dialing, p.stopDialing = context.WithCancel(context.Background())
	dialer := dialRelays(dialing, func() []*stun.URI { return *p.servers.Load() }, relayTLS)
	if p.agent, err = ice.NewAgentWithOptions(append(c.agentOptions(mux, urls), ice.WithProxyDialer(dialer))...); err != nil {
		p.stopDialing()
		return nil, err
	}
	err = errors.Join(
		p.agent.OnConnectionStateChange(func(state ice.ConnectionState) {
			p.iceState.Store(int32(state)) // one of a few
			events.ice(state)
		}),
		p.agent.OnSelectedCandidatePairChange(p.route.set),
		p.agent.OnCandidate(func(candidate ice.Candidate) {
			if candidate == nil {
				p.gatheringDone()
			}
		}))
	if err != nil {
		p.stopDialing()
		_ = p.agent.Close()
		return nil, err
	}
	return p, nil
}

func (c *Client) agentOptions(mux ice.UDPMux, urls []*stun.URI) []ice.AgentOption {
	options := []ice.AgentOption{
		ice.WithLoggerFactory(pionLogs{c.log}),
		ice.WithUDPMux(mux),
		ice.WithUrls(urls),
		// A server's .local candidate cannot be resolved from elsewhere; it will find
		// us by our candidates. Asking would take a multicast socket a session.
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisconnectedTimeout(c.cfg.Timeouts.Disconnect),
		ice.WithFailedTimeout(noFail),
		ice.WithKeepaliveInterval(consentPace(c.cfg.Timeouts.Disconnect)),
		ice.WithNetworkTypes(c.networkTypes()),
		ice.WithSTUNGatherTimeout(c.cfg.Timeouts.Gather),
	}
	// How long a relay waits for something better: nothing else is asked for, or a
	// direct path has had its chance.
	wait := relayWait
	if c.cfg.RelayOnly {
		wait = 0
		options = append(options, ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeRelay}))
	}
	options = append(options, ice.WithRelayAcceptanceMinWait(wait))
	if c.cfg.Loopback {
		options = append(options, ice.WithIncludeLoopback())
	}
	if c.cfg.UDPPorts[0] != 0 { // for the agent's own sockets
		options = append(options, ice.WithPortRange(c.cfg.UDPPorts[0], c.cfg.UDPPorts[1]))
	}
	if len(c.cfg.Interfaces) > 0 {
		options = append(options, ice.WithInterfaceFilter(func(name string) bool {
			for _, allowed := range c.cfg.Interfaces {
				if allowed == name {
					return true
				}
			}
			return false
		}))
	}
	return options
}

// consentPace is consentInterval, unless silence is to be noticed sooner than that
// allows.
func consentPace(disconnect time.Duration) time.Duration {
	if disconnect <= consentInterval {
		return disconnect / 3
	}
	return consentInterval
}

// networkTypes are those of the candidates. TCP ones are of the active kind only,
// made when the server names a TCP port; with relays only, there must be none.
func (c *Client) networkTypes() []ice.NetworkType {
	types := []ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}
	if !c.cfg.NoTCP && !c.cfg.RelayOnly {
		types = append(types, ice.NetworkTypeTCP4, ice.NetworkTypeTCP6)
	}
	return types
}

// iceURLs checks STUN and TURN servers.
func iceURLs(servers []ICEServer) ([]*stun.URI, error) {
	var out []*stun.URI
	for _, s := range servers {
		u, err := stun.ParseURI(s.URL)
		if err != nil {
			return nil, fmt.Errorf("ICE server: %w", err)
		}
		if u.Scheme == stun.SchemeTypeTURN || u.Scheme == stun.SchemeTypeTURNS {
			if s.Username == "" || s.Credential == "" {
				return nil, errors.New("ICE server: a TURN server without user name or credential")
			}
			u.Username, u.Password = s.Username, s.Credential
		}
		out = append(out, u)
	}
	return out, nil
}

// setServers changes the servers from the next gathering on.
func (p *peer) setServers(servers []ICEServer) error {
	urls, err := iceURLs(servers)
	if err != nil {
		return err
	}
	p.servers.Store(&urls)
	return p.agent.UpdateOptions(ice.WithUrls(urls))
}

// gather looks for candidates. The channel is closed when there are no more.
func (p *peer) gather() (<-chan struct{}, error) {
	p.mu.Lock()
	p.gathered, p.complete = make(chan struct{}), false
	gathered := p.gathered
	p.mu.Unlock()
	return gathered, p.agent.GatherCandidates()
}

func (p *peer) gatheringDone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gathered != nil && !p.complete {
		p.complete = true
		close(p.gathered)
	}
}

// restart makes new credentials and gathers anew. The old path is forgotten at once:
// there is no consent to it any more (RFC 7675 section 5.1).
func (p *peer) restart() (<-chan struct{}, error) {
	p.mu.Lock()
	p.complete = true // what the old gathering may still tell is of no use
	p.mu.Unlock()
	if err := p.agent.Restart("", ""); err != nil {
		return nil, err
	}
	p.route.clear()
	return p.gather()
}

// start begins to look for a path to the server, the first time, and takes its new
// credentials afterwards.
func (p *peer) start(r remote, keyed func(keys *srtp.Config) error) error {
	if p.stop != nil {
		if err := p.agent.SetRemoteCredentials(r.ufrag, r.pwd); err != nil {
			return err
		}
		return p.addCandidates(r)
	}
	if err := p.agent.SetRemoteICELite(r.lite); err != nil {
		return err
	}
	conn, err := p.agent.StartDial(r.ufrag, r.pwd)
	if err != nil {
		return err
	}
	if err := p.addCandidates(r); err != nil {
		return err
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	p.route.agent = conn
	p.running.Add(1)
	go p.secure(ctx, conn, r, keyed)
	return nil
}

func (p *peer) addCandidates(r remote) error {
	for _, c := range r.candidates {
		if err := p.agent.AddRemoteCandidate(c); err != nil {
			return err
		}
	}
	return nil
}

// pair is the path in use, the zero value if there is none.
func (p *peer) pair() chosenPair {
	if c := p.route.chosen.Load(); c != nil {
		return *c
	}
	return chosenPair{}
}

// hasPair asks the agent itself: what it has told of may be a path from before a
// restart.
func (p *peer) hasPair() bool {
	pair, err := p.agent.GetSelectedCandidatePair()
	return err == nil && pair != nil && p.route.chosen.Load() != nil
}

// roundTrip is that of the newest check of the path, 0 if unknown.
func (p *peer) roundTrip() time.Duration {
	stats, ok := p.agent.GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}
	return time.Duration(stats.CurrentRoundTripTime * float64(time.Second))
}

// disconnected reports whether nothing has been heard for Timeouts.Disconnect.
func (p *peer) disconnected() bool {
	return ice.ConnectionState(p.iceState.Load()) == ice.ConnectionStateDisconnected
}

// close ends the connection and waits for its goroutines.
func (p *peer) close() {
	p.stopDialing()
	if p.stop != nil {
		p.stop()
	}
	if conn := p.dtls.Load(); conn != nil {
		_ = conn.Close() // sends close_notify
	}
	_ = p.agent.GracefulClose()
	_ = p.records.Close()
	p.running.Wait()
}
