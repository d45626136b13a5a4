// Package site reads the site's file and runs what it describes: one publisher
// for each camera.
//
// The file is YAML and read strictly: an unknown key, a value out of range, a
// missing secret, each is an error with its line, and all of them are reported
// at once. Example holds a commented file with every key.
package site

import (
	"log/slog"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

// Config is a site's file, complete: defaults are merged into the cameras,
// secrets are read, and every value has been checked.
type Config struct {
	LiveKit LiveKit `yaml:"livekit"`
	// Defaults is what a camera is before its own keys are read. It stands
	// before Cameras because fields are decoded in this order; once decoded it
	// has done its work, and the cameras hold all that counts.
	Defaults Camera   `yaml:"defaults"`
	Cameras  []Camera `yaml:"cameras"`
	Network  Network  `yaml:"network"`
	Admin    Admin    `yaml:"admin"`
	Log      Log      `yaml:"log"`

	files []string // see Files
}

// LiveKit says where the cameras become participants. It may be left out when
// every camera has a whip block of its own.
type LiveKit struct {
	URL           string        `yaml:"url"` // ws, wss, http or https
	APIKey        secret.Secret `yaml:"api_key" oneof:"api_key"`
	APIKeyFile    string        `yaml:"api_key_file" oneof:"api_key"`
	APISecret     secret.Secret `yaml:"api_secret" oneof:"api_secret"`
	APISecretFile string        `yaml:"api_secret_file" oneof:"api_secret"`
	Site          string        `yaml:"site"` // tells this site's ingresses from every other's; "": not named
	Room          string        `yaml:"room"`
	Via           Via           `yaml:"via"`
	WHIPURL       string        `yaml:"whip_url"` // instead of the URL that the Ingress API returns
	TLS           ServerTLS     `yaml:"tls"`
	// Poll is how often a room with cameras on demand is asked who is there.
	Poll Duration `yaml:"poll"`
}

// Camera is one camera and where it goes.
type Camera struct {
	Name         string        `yaml:"name"`
	URL          string        `yaml:"url"`     // rtsp or rtsps, without user info: that has moved to Username and Password
	SubURL       string        `yaml:"sub_url"` // of a smaller stream of the same camera, or ""; otherwise as URL
	Username     string        `yaml:"username"`
	Password     secret.Secret `yaml:"password" oneof:"password"`
	PasswordFile string        `yaml:"password_file" oneof:"password"`
	Enabled      bool          `yaml:"enabled"`

	Room        string            `yaml:"room"`         // livekit.room unless given; "" with a WHIP block
	Identity    string            `yaml:"identity"`     // Name unless given
	DisplayName string            `yaml:"display_name"` // Name unless given
	Metadata    string            `yaml:"metadata"`
	Attributes  map[string]string `yaml:"attributes"` // those of the defaults and its own; none is empty

	Publish  Publish  `yaml:"publish"`
	OnDemand OnDemand `yaml:"on_demand"` // of cameras with PublishOnDemand
	Linger   Duration `yaml:"linger"`    // the same; after the last viewer has left

	Transport  Transport `yaml:"transport"`
	Audio      Audio     `yaml:"audio"`
	Hold       Duration  `yaml:"hold"`
	Stall      Duration  `yaml:"stall"`
	SEI        SEI       `yaml:"sei"`
	OnLoss     OnLoss    `yaml:"on_loss"`
	BFrames    BFrames   `yaml:"b_frames"`
	Pacing     Pacing    `yaml:"pacing"`
	VideoTrack string    `yaml:"video_track"`
	Codec      Codec     `yaml:"codec"`
	KeyFrame   KeyFrame  `yaml:"keyframe"`
	Web        string    `yaml:"web"` // of the camera: http or https; "" for http at the host of URL
	TLS        TLS       `yaml:"tls"`

	Via       Via        `yaml:"via" oneof:"target"`        // livekit.via unless given; ViaWHIP with a WHIP block
	WHIP      *WHIP      `yaml:"whip" oneof:"target"`       // nil unless Via is ViaWHIP
	RoomToken *RoomToken `yaml:"room_token" oneof:"target"` // in place of API keys; names Room, Identity and the like
}

// NeedsKeys tells whether the camera can go nowhere without LiveKit's API keys.
func (c Camera) NeedsKeys() bool { return c.Via != ViaWHIP && c.RoomToken == nil }

// TLS says how the certificate of a camera is judged (rtsps URLs only).
type TLS struct {
	Insecure bool   `yaml:"insecure"`
	SHA256   string `yaml:"sha256"` // 64 lower-case hexadecimal digits, or ""
}

// WHIP is a WHIP endpoint of any make.
type WHIP struct {
	URL       string        `yaml:"url"` // http or https
	Token     secret.Secret `yaml:"token" oneof:"token"`
	TokenFile string        `yaml:"token_file" oneof:"token"`
	TLS       ServerTLS     `yaml:"tls"`
}

// RoomToken says where a camera's room token comes from, if others make it.
type RoomToken struct {
	TokenFile  string        `yaml:"token_file" oneof:"token"`
	TokenURL   string        `yaml:"token_url" oneof:"token"` // https, or http on a loopback address
	Bearer     secret.Secret `yaml:"bearer" oneof:"bearer"`   // for TokenURL
	BearerFile string        `yaml:"bearer_file" oneof:"bearer"`
	TLS        ServerTLS     `yaml:"tls"` // of TokenURL
}

// ServerTLS says how the certificate of a server is judged (https and wss only).
type ServerTLS struct {
	CAFile   string `yaml:"ca_file"` // an absolute name, or ""
	SHA256   string `yaml:"sha256"`  // 64 lower-case hexadecimal digits, or ""
	Insecure bool   `yaml:"insecure"`
}

// Network limits the sockets that carry media.
type Network struct {
	UDPPorts   PortRange `yaml:"udp_ports"`  // zero: any
	Interfaces []string  `yaml:"interfaces"` // empty: all
	// ICEServers take the place of those that a server recommends.
	ICEServers []ICEServer `yaml:"ice_servers"`
	RelayOnly  bool        `yaml:"relay_only"`
	ICETCP     bool        `yaml:"ice_tcp"`
	DSCP       bool        `yaml:"dscp"`
}

// ICEServer is a STUN or TURN server.
type ICEServer struct {
	URL            string        `yaml:"url"` // stun, stuns, turn or turns
	Username       string        `yaml:"username"`
	Credential     secret.Secret `yaml:"credential" oneof:"credential"`
	CredentialFile string        `yaml:"credential_file" oneof:"credential"`
}

// Admin is the HTTP server for status, metrics and health.
type Admin struct {
	Listen string `yaml:"listen"` // host:port, or "" for no server
	// Token is what every request must bear; empty only where Listen is loopback.
	Token     secret.Secret `yaml:"token" oneof:"token"`
	TokenFile string        `yaml:"token_file" oneof:"token"`
	Preview   bool          `yaml:"preview"` // cameras can be looked at in the browser
	Pprof     bool          `yaml:"pprof"`   // serve Go's profiles to this machine
}

// Log says what is logged, and how.
type Log struct {
	Level  Level  `yaml:"level"`
	Format Format `yaml:"format"`
}

// SlogLevel returns the level as log/slog has it.
func (l Log) SlogLevel() slog.Level {
	switch l.Level {
	case LevelDebug:
		return slog.LevelDebug
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// EnabledCameras returns the cameras that are to be published.
func (c *Config) EnabledCameras() []Camera {
	var enabled []Camera
	for _, cam := range c.Cameras {
		if cam.Enabled {
			enabled = append(enabled, cam)
		}
	}
	return enabled
}
