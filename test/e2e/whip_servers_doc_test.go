//go:build e2e && full && linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rtsp2whip/rtsp2whip/test/parts"
)

const serversPage = "../../docs/whip-servers.md"

// serverRow is what was found out about one server.
type serverRow struct {
	name, judge, plays, trickle, restart string

	sameSession                      bool // after the address changed
	named, turnNamed, turnConfigured bool
	tcp, tcpPlays                    bool // offered, and enough without UDP
}

func (r serverRow) String() string {
	cell := func(ok bool) string {
		if ok {
			return "yes"
		}
		return "no"
	}
	moved := "the same session"
	if !r.sameSession {
		moved = "a new session"
	}
	named, tcp := "names none", "not offered"
	if r.named {
		named = cell(r.turnNamed)
	}
	if r.tcp {
		tcp = cell(r.tcpPlays)
	}
	restart := r.restart
	if restart == "" {
		restart = "not tried"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |", r.name, r.plays, r.trickle, restart, moved, named, cell(r.turnConfigured), tcp)
}

const serversHead = `# WHIP servers

What the WHIP client gets out of the servers that the end-to-end tests can run. Each
row is what a run of ` + "`TestWHIPServers`" + ` has seen; later runs that see anything else
fail (` + "`make e2e-full`" + `; with ` + "`-update`" + ` they write this page).

| Server | Plays | Trickle | ICE restart | After a new address | TURN that it names | TURN configured | ICE-TCP |
|---|---|---|---|---|---|---|---|
`

const serversNotes = `
- **Plays**: H.264 and Opus from a simulated camera; what was counted at the far end.
- **Trickle**: the candidates of a STUN server follow the offer in a PATCH. A refusal
  costs nothing: the session goes on with the candidates of the offer.
- **ICE restart** and **after a new address**: the box's address changes under the
  live session. Where the server restarts ICE, media is back within 5 s in the same
  session; where it does not, the session ends with DELETE and a new one is made.
- **TURN that it names**: no UDP gets out of the box, and the server's 201 names
  coturn over TCP in a Link. **TURN configured**: the same with ` + "`network.ice_servers`" + `
  and ` + "`relay_only`" + `. **ICE-TCP**: no UDP gets out, and the server has TCP candidates.
- The Chromium page has an endpoint of the tests' own in front of it.
- livekit-server can name its own TURN server, over UDP and TLS, or another one over
  UDP, TCP and TLS: each is used where it is the only way (` + "`TestTURNServers`" + `).
- ` + "`codec: h265`" + `: livekit-server takes H.265 on ` + "`/whip/v1`" + ` and hands it to the room's
  viewers. Debian's Chromium has no decoder for it and shows nothing
  (` + "`TestH265ThroughLiveKit`" + `).
- livekit-server 1.13.5 crashes at an ICE restart if a media section of the offer ends
  with candidates, or if the restart before it brought several. rtsp2whip sends
  neither, so no restart of its own does that.
`

// compareServers compares the rows with the page's, or writes the page.
func compareServers(t *testing.T, rows []serverRow) {
	t.Helper()
	var table strings.Builder
	for _, r := range rows {
		table.WriteString(r.String() + "\n")
	}
	if *update {
		measured := fmt.Sprintf("\nMeasured on %s with livekit-server %s, LiveKit Ingress %s, MediaMTX %s,\ngo2rtc %s, Chromium %s and coturn %s.\n",
			time.Now().UTC().Format("2 January 2006"), parts.Version(t, "LIVEKIT_SERVER"), parts.Version(t, "INGRESS"),
			parts.Version(t, "MEDIAMTX"), parts.Version(t, "GO2RTC"),
			parts.InstalledVersion(t, []string{"--version"}, "chromium"), parts.InstalledVersion(t, []string{"--version"}, "turnserver"))
		if err := os.WriteFile(serversPage, []byte(serversHead+table.String()+measured+serversNotes), 0o644); err != nil { //nolint:gosec // a public page
			t.Fatal(err)
		}
		return
	}
	page, err := os.ReadFile(serversPage)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), serversHead+table.String()+"\nMeasured on ") || !strings.HasSuffix(string(page), serversNotes) {
		t.Errorf("docs/whip-servers.md says something else than this run:\n%s", table.String())
	}
}
