package parts

import (
	"fmt"
	"testing"
	"time"
)

// Go2RTC is a go2rtc that takes one stream over WHIP.
type Go2RTC struct {
	*Process
	host string
	port int
}

// StartGo2RTC starts it at an address.
func StartGo2RTC(t testing.TB, host string) *Go2RTC {
	t.Helper()
	g := &Go2RTC{host: hostOr(host), port: FreePort(t)}
	media := hostPort(g.host, FreePort(t))
	config := writeConfig(t, "go2rtc.yaml", fmt.Sprintf(`
api: {listen: %q}
rtsp: {listen: ""}
srtp: {listen: ""}
webrtc:
  listen: %q
  candidates: [%q]
  ice_servers: []
streams: {camera: ""}
`, hostPort(g.host, g.port), media, media))
	g.Process = Run(t, Command{
		Name: "go2rtc",
		Path: cached(t, "bin", "go2rtc-"+version(t, "GO2RTC_VERSION")),
		Args: []string{"-config", config},
	})
	g.ready(20*time.Second, func() error { return dial(g.host, g.port) })
	return g
}

// WHIP is the endpoint of its stream.
func (g *Go2RTC) WHIP() string { return g.base() + "/api/webrtc?dst=camera" }

func (g *Go2RTC) base() string { return "http://" + hostPort(g.host, g.port) }

// Packets counts the video packets of the newest session; 0 if there is none.
func (g *Go2RTC) Packets() (int, error) {
	var streams map[string]struct {
		Producers []struct {
			Receivers []struct {
				Codec struct {
					Type string `json:"codec_type"`
				} `json:"codec"`
				Packets int `json:"packets"`
			} `json:"receivers"`
		} `json:"producers"`
	}
	if err := getJSON(httpClient, g.base()+"/api/streams", &streams); err != nil {
		return 0, err
	}
	newest := 0
	for _, p := range streams["camera"].Producers {
		for _, r := range p.Receivers {
			if r.Codec.Type == "video" {
				newest = r.Packets
			}
		}
	}
	return newest, nil
}
