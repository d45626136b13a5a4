package site

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

// checker looks at what was decoded, reads the secrets and fills in what
// cameras take from elsewhere.
type checker struct {
	*decoder
	from Sources
}

func (c *checker) complete(cfg *Config) {
	for _, key := range []string{"defaults.name", "defaults.url"} {
		if _, given := c.at[key]; given {
			c.fail(key, "belongs to each camera, not to the defaults")
		}
	}
	c.environment(&cfg.LiveKit)
	c.cameras(cfg)
	c.livekit(&cfg.LiveKit, needsLiveKit(cfg.Cameras), needsKeys(cfg.Cameras))
	c.network(cfg)
	c.admin(&cfg.Admin)
}

func needsLiveKit(cameras []Camera) bool {
	for _, cam := range cameras {
		if cam.Enabled && cam.Via != ViaWHIP {
			return true
		}
	}
	return false
}

func needsKeys(cameras []Camera) bool {
	return slices.ContainsFunc(cameras, func(cam Camera) bool { return cam.Enabled && cam.NeedsKeys() })
}

// environment fills in what the file leaves out.
func (c *checker) environment(lk *LiveKit) {
	if c.from.Env == nil {
		return
	}
	if lk.URL == "" {
		lk.URL = c.from.Env("LIVEKIT_URL")
	}
	if lk.APIKey.Empty() && lk.APIKeyFile == "" {
		lk.APIKey = secret.New(c.from.Env("LIVEKIT_API_KEY"))
	}
	if lk.APISecret.Empty() && lk.APISecretFile == "" {
		lk.APISecret = secret.New(c.from.Env("LIVEKIT_API_SECRET"))
	}
}

func (c *checker) livekit(lk *LiveKit, needed, keys bool) {
	c.secret("livekit.api_key", &lk.APIKey, "livekit.api_key_file", lk.APIKeyFile, keys)
	c.secret("livekit.api_secret", &lk.APISecret, "livekit.api_secret_file", lk.APISecretFile, keys)
	if lk.URL != "" {
		c.url("livekit.url", lk.URL, "LiveKit", "wss", "ws", "https", "http")
	}
	if lk.WHIPURL != "" {
		c.url("livekit.whip_url", lk.WHIPURL, "WHIP", "https", "http")
	}
	c.serverTLS("livekit.tls", &lk.TLS, lk.URL)
	c.text("livekit.room", lk.Room, 256)
	if _, given := c.at["livekit.poll"]; !given && lk.Poll == 0 {
		lk.Poll = Default().LiveKit.Poll // a section that was put together in code
	}
	c.duration("livekit.poll", lk.Poll, 500*time.Millisecond, time.Minute)
	if problem := nameProblem(lk.Site); lk.Site != "" && problem != "" {
		c.fail("livekit.site", "%s: %s", quoted(lk.Site), problem)
	}
	if needed && lk.URL == "" {
		c.missing("livekit.url", "give it here or in LIVEKIT_URL")
	}
	if !keys {
		return
	}
	if lk.APIKey.Empty() && lk.APIKeyFile == "" {
		c.missing("livekit.api_key", "give api_key_file, api_key or LIVEKIT_API_KEY")
	}
	if lk.APISecret.Empty() && lk.APISecretFile == "" {
		c.missing("livekit.api_secret", "give api_secret_file, api_secret or LIVEKIT_API_SECRET")
	}
}

// missing says that a value must be given, unless one was and is wrong, or the
// section around it is.
func (c *checker) missing(path, hint string) {
	for p := path; p != ""; p = around(p) {
		if c.failed(p) {
			return
		}
	}
	c.fail(path, "missing: %s", hint)
}

// secret reads the file of a secret, if it is named and wanted, and checks the
// secret either way.
func (c *checker) secret(path string, s *secret.Secret, filePath, file string, wanted bool) {
	if !s.Empty() {
		clean, err := secret.Parse([]byte(s.Reveal()))
		if err != nil {
			c.fail(path, "%v", err)
		}
		*s = clean
		return
	}
	if file == "" || !wanted || c.from.Secret == nil {
		return
	}
	read, err := c.from.Secret(file)
	if err != nil {
		c.fail(filePath, "%s: %v", quoted(file), cause(err))
		return
	}
	*s = read
}

// errNoFile reads the same on every system.
var errNoFile = errors.New("no such file")

// cause drops the file's name, which the errors of files repeat.
func cause(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errNoFile
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	for _, known := range []error{secret.ErrEmpty, secret.ErrTooLong, secret.ErrLines, secret.ErrControl, secret.ErrEncoding} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

func (c *checker) network(cfg *Config) {
	ports, cameras := cfg.Network.UDPPorts.Size(), len(cfg.EnabledCameras())
	if ports > 0 && ports < cameras {
		c.fail("network.udp_ports", "%q: %d ports for %d cameras: each needs one of its own",
			cfg.Network.UDPPorts, ports, cameras)
	}
	seen := map[string]bool{}
	for i, name := range cfg.Network.Interfaces {
		path := fmt.Sprintf("network.interfaces[%d]", i)
		switch {
		case name == "":
			c.fail(path, "is empty")
		case seen[name]:
			c.fail(path, "%s: given twice", quoted(name))
		}
		c.text(path, name, 255)
		seen[name] = true
	}
	for i := range cfg.Network.ICEServers {
		c.iceServer(fmt.Sprintf("network.ice_servers[%d]", i), &cfg.Network.ICEServers[i])
	}
}

func (c *checker) admin(a *Admin) {
	if a.Listen == "off" {
		a.Listen = ""
	}
	if a.Listen == "" {
		return
	}
	host, port, err := net.SplitHostPort(a.Listen)
	if err != nil {
		c.fail("admin.listen", "%s: not an address, such as 127.0.0.1:9920, nor off", quoted(a.Listen))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		c.fail("admin.listen", "%s: not a port from 1 to 65535", quoted(port))
	}
	if strings.ContainsAny(host, " /@?#") {
		c.fail("admin.listen", "%s: not a host", quoted(host))
	}
	c.secret("admin.token", &a.Token, "admin.token_file", a.TokenFile, true)
	if n := len(a.Token.Reveal()); n > 0 && n < minToken {
		c.fail("admin.token", "shorter than %d characters, so that it could be guessed", minToken)
	}
	if !loopback(host) && a.Token.Empty() && a.TokenFile == "" {
		c.fail("admin.listen", "%s: can be reached from other machines, which needs token_file or token", quoted(a.Listen))
	}
}

// minToken is the least length of the token that the HTTP server asks for.
const minToken = 16

// loopback tells whether only this machine reaches what listens at a host.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
