package graceful

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is far beyond what any of this takes.
const limit = time.Minute

func newPeer(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var setting webrtc.SettingEngine
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	return pc
}

// describe carries one side's description, candidates included, to the other.
func describe(t *testing.T, from, to *webrtc.PeerConnection, make func() (webrtc.SessionDescription, error)) {
	t.Helper()
	desc, err := make()
	if err != nil {
		t.Fatal(err)
	}
	complete := webrtc.GatheringCompletePromise(from)
	if err := from.SetLocalDescription(desc); err != nil {
		t.Fatal(err)
	}
	<-complete
	if err := to.SetRemoteDescription(*from.LocalDescription()); err != nil {
		t.Fatal(err)
	}
}

// TestCloseWhileConnecting closes a side in the moment in which its DTLS handshake
// ends, with a report for an SSRC that it does not know already there.
func TestCloseWhileConnecting(t *testing.T) {
	for range 20 {
		offerer, answerer := newPeer(t), newPeer(t)
		if _, err := offerer.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		answerer.SCTP().Transport().OnStateChange(func(state webrtc.DTLSTransportState) {
			if state == webrtc.DTLSTransportStateConnected {
				sendReport(t, offerer)
				go func() { closed <- Close(answerer) }()
				<-time.After(20 * time.Millisecond) // for it to get as far as it may
				if answerer.SignalingState() == webrtc.SignalingStateClosed {
					t.Error("is being closed before it has connected")
				}
			}
		})
		describe(t, offerer, answerer, func() (webrtc.SessionDescription, error) { return offerer.CreateOffer(nil) })
		describe(t, answerer, offerer, func() (webrtc.SessionDescription, error) { return answerer.CreateAnswer(nil) })
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(limit):
			t.Fatalf("waited %v in vain for the end", limit)
		}
		if err := Close(offerer); err != nil {
			t.Error(err)
		}
	}
}

// sendReport sends one as soon as pc has its keys.
func sendReport(t *testing.T, pc *webrtc.PeerConnection) {
	report := []rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 1}}}}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-tick.C {
		if pc.SCTP().Transport().State() != webrtc.DTLSTransportStateConnected {
			continue
		}
		if err := pc.WriteRTCP(report); err == nil {
			return
		}
	}
	t.Errorf("waited %v in vain for a report to leave", limit)
}

// TestCloseEarly closes one that nobody has answered, and one twice.
func TestCloseEarly(t *testing.T) {
	pc := newPeer(t)
	began := time.Now()
	for range 2 {
		if err := Close(pc); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > patience {
		t.Errorf("took %v, though nothing connects", took)
	}
}
