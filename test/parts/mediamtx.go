package parts

import (
	"fmt"
	"testing"
	"time"
)

// MediaMTX is an RTSP server that cameras can be fed into, a WHIP server to
// publish to, and the RTSP server to read that back from.
type MediaMTX struct {
	*Process
	host                                   string
	rtspPort, webrtcPort, udpPort, apiPort int
}

// StartMediaMTX starts a server that lets anyone publish and read any path.
func StartMediaMTX(t testing.TB) *MediaMTX {
	t.Helper()
	return StartMediaMTXAt(t, "", nil)
}

// StartMediaMTXAt starts one that takes WHIP and its media at another address, the
// media over TCP too. The TURN server, if any, is named to those that publish.
func StartMediaMTXAt(t testing.TB, host string, turn *Coturn) *MediaMTX {
	t.Helper()
	m := &MediaMTX{host: hostOr(host), rtspPort: FreePort(t), webrtcPort: FreePort(t), udpPort: FreePort(t), apiPort: FreePort(t)}
	rtpPort := FreePortPair(t)
	more := ""
	if host != "" {
		more = fmt.Sprintf("\nwebrtcLocalTCPAddress: %q", hostPort(m.host, FreePort(t)))
	}
	if turn != nil {
		user, credential := turn.Credentials()
		more += fmt.Sprintf("\nwebrtcICEServers2: [{url: %q, username: %q, password: %q, clientOnly: true}]",
			turn.URL("tcp"), user, credential)
	}
	config := writeConfig(t, "mediamtx.yml", fmt.Sprintf(`
logLevel: info
api: true
apiAddress: 127.0.0.1:%d
udpReadBufferSize: %d
rtspTransports: [udp, tcp]
rtspAddress: 127.0.0.1:%d
rtpAddress: 127.0.0.1:%d
rtcpAddress: 127.0.0.1:%d
webrtcAddress: "%s"
webrtcLocalUDPAddress: "%s"
webrtcIPsFromInterfaces: false
webrtcAdditionalHosts: [%q]%s
rtmp: false
hls: false
srt: false
moq: false
paths:
  all_others:
`, m.apiPort, largestReadBuffer(), m.rtspPort, rtpPort, rtpPort+1,
		hostPort(m.host, m.webrtcPort), hostPort(m.host, m.udpPort), m.host, more))
	m.Process = Run(t, Command{
		Name: "mediamtx",
		Path: cached(t, "bin", "mediamtx-"+version(t, "MEDIAMTX_VERSION")),
		Args: []string{config},
	})
	m.WaitReady()
	return m
}

// WaitReady returns once the server takes connections.
func (m *MediaMTX) WaitReady() {
	m.t.Helper()
	m.ready(20*time.Second, func() error {
		if err := dial("127.0.0.1", m.rtspPort); err != nil {
			return err
		}
		if err := dial(m.host, m.webrtcPort); err != nil {
			return err
		}
		return dial("127.0.0.1", m.apiPort)
	})
}

// UDPDrops is how many datagrams the kernel has thrown away because the server
// did not read them in time.
func (m *MediaMTX) UDPDrops() int { return udpDrops(m.udpPort) }

// RTSP is the URL to publish a path to, or to read it from.
func (m *MediaMTX) RTSP(path string) string {
	return fmt.Sprintf("rtsp://127.0.0.1:%d/%s", m.rtspPort, path)
}

// WHIP is the WHIP endpoint of a path.
func (m *MediaMTX) WHIP(path string) string {
	return fmt.Sprintf("http://%s/%s/whip", hostPort(m.host, m.webrtcPort), path)
}

// WHIPSession is what the server has counted of one WHIP session.
type WHIPSession struct {
	Path        string `json:"path"`
	Established bool   `json:"peerConnectionEstablished"`
	Packets     uint64 `json:"inboundRTPPackets"`
	PacketsLost uint64 `json:"inboundRTPPacketsLost"`
}

// WHIPSessions lists the server's sessions by path.
func (m *MediaMTX) WHIPSessions() (map[string]WHIPSession, error) {
	var list struct {
		Items []WHIPSession `json:"items"`
	}
	err := getJSON(httpClient, fmt.Sprintf("http://127.0.0.1:%d/v3/webrtcsessions/list?itemsPerPage=1000", m.apiPort), &list)
	if err != nil {
		return nil, err
	}
	byPath := make(map[string]WHIPSession, len(list.Items))
	for _, s := range list.Items {
		byPath[s.Path] = s
	}
	return byPath, nil
}
