package archtest

// Paths without a dot in their first element are of this module ("pkg/whip"),
// others are modules or packages of others; each covers what lies below it.

// home says that only certain packages may import something.
type home struct {
	of  string
	in  []string
	why string
}

var homes = []home{
	{
		of: "github.com/bluenviron/gortsplib/v5", in: []string{"pkg/rtspsrc", "internal/camsim"},
		why: "a camera's quirks are met in one place; simulated cameras are its server's side, and only they",
	},
	{
		of: "github.com/pion/webrtc/v4", in: []string{"pkg/whip", "pkg/ingress/sdkroom", "internal/whiptest", "internal/viewer", "internal/graceful"},
		why: "one WHIP client owns offers, sockets and senders, beside it only LiveKit's SDK, which takes its tracks as pion's; whiptest is the far end, viewer the browsers', graceful ends theirs",
	},
	{
		of: "github.com/livekit/server-sdk-go/v2", in: []string{"pkg/ingress"},
		why: "who publishes to another WHIP server must be able to leave LiveKit's dependencies out",
	},
	{
		of: "github.com/livekit/protocol", in: []string{"pkg/ingress"},
		why: "as for the SDK: these types pull in 280 packages, so ours stand at pkg/ingress's edge",
	},
	{
		of: "github.com/twitchtv/twirp", in: []string{"pkg/ingress"},
		why: "how LiveKit's API fails is explained once, in pkg/ingress",
	},
	{
		of: "github.com/alecthomas/kong", in: []string{"cmd"},
		why: "flags are the command's: a package that reads flags cannot be embedded",
	},
	{
		of: "internal/site", in: []string{"cmd"},
		why: "the site wires everything together; whoever imported it would import everything",
	},
	{
		of: "internal/camsim", in: []string{"cmd"},
		why: "simulated cameras are for tests and the demo, not for the way of a packet",
	},
	{
		of: "github.com/icholy/digest", in: []string{"internal/camhttp", "internal/camsim"},
		why: "HTTP to a camera goes through one client, which bounds what comes back; simulated cameras are its other end",
	},
	{
		of: "internal/presence", in: []string{"internal/site"},
		why: "rooms are looked into once for a whole site; a publisher sees one through an interface of its own",
	},
	{
		of: "internal/whiptest", in: nil,
		why: "a scripted server is for tests only",
	},
	{
		of: "pkg/ingress/ingresstest", in: nil,
		why: "a LiveKit server for tests is for tests only",
	},
	{
		of: "internal/doctor", in: []string{"cmd"},
		why: "what tries everything depends on everything; nothing that runs for years depends on it",
	},
	{
		of: "math/rand", in: []string{
			"internal/publisher", "internal/presence", "internal/site", "internal/repack", "internal/viewer",
			"internal/camsim", "pkg/rtspsrc", "pkg/whip",
		},
		why: "it is for jitter and for where RTP's numbers begin; what makes secrets takes crypto/rand",
	},
	{
		of: "unsafe", in: []string{"internal/batchudp", "pkg/rtspsrc"},
		why: "two packages call the kernel past net, for speed; everything else stays within Go's types",
	},
	{
		of: "internal/batchudp", in: []string{"pkg/whip"},
		why: "a session's socket is made by its WHIP client and by nobody else",
	},
}

// wall says that a package does not depend on others, however far away.
type wall struct {
	from []string
	to   []string
	why  string
}

var walls = []wall{
	{
		from: []string{"pkg/rtspsrc"}, to: []string{"pkg/whip", "pkg/ingress"},
		why: "each package under pkg/ is of use alone; the site joins them",
	},
	{
		from: []string{"pkg/whip"}, to: []string{"pkg/rtspsrc", "pkg/ingress"},
		why: "each package under pkg/ is of use alone; the site joins them",
	},
	{
		from: []string{"pkg/whip"}, to: []string{"github.com/pion/webrtc/v4"},
		why: "a PeerConnection on the way of each packet costs a sixth of the CPU",
	},
	{
		from: []string{"pkg/ingress"}, to: []string{"pkg/rtspsrc", "pkg/whip"},
		why: "each package under pkg/ is of use alone; the site joins them",
	},
	{
		from: []string{"pkg"}, to: []string{"cmd", "internal/site", "internal/publisher", "internal/admin", "internal/camsim", "internal/viewer", "internal/whiptest"},
		why: "the program is built on the packages, not the other way round",
	},
	{
		from: []string{"internal/publisher"}, to: []string{"pkg", "internal/keyframe", "internal/site", "internal/admin", "internal/viewer"},
		why: "a camera's life knows sources and targets by its own small interfaces, so that it can be tested in virtual time without a network",
	},
	{
		from: []string{"internal/presence"}, to: []string{"pkg", "internal/publisher", "internal/site", "cmd"},
		why: "how often a room is asked is tested in virtual time, without LiveKit",
	},
	{
		from: []string{"internal/repack"}, to: []string{"cmd", "pkg", "internal/publisher", "internal/site", "internal/admin", "internal/keyframe", "internal/batchudp"},
		why: "repacking is the end of the arrows: RTP in, RTP out",
	},
	{
		from: []string{"internal/repack"}, to: []string{"net", "os", "net/http", "log/slog", "context", "github.com/pion/webrtc/v4", "github.com/bluenviron/gortsplib/v5"},
		why: "repacking is pure: no I/O, no clock of the system's, nothing that blocks",
	},
	{
		from: []string{"internal/admin"}, to: []string{"pkg", "internal/site", "internal/viewer", "internal/camsim"},
		why: "the status page shows what publishers tell and reaches nothing else",
	},
	{
		from: []string{"internal/keyframe"}, to: []string{"pkg", "internal/publisher", "internal/site"},
		why: "the ways to ask a camera are tried by the publisher through an interface of its own",
	},
	{
		from: []string{"internal/onvif", "internal/camhttp"}, to: []string{"pkg", "internal/keyframe", "internal/publisher", "internal/site"},
		why: "what is said to a camera over HTTP knows nothing of streams, so that discover and doctor use it too",
	},
	{
		from: []string{"internal/doctor"}, to: []string{"internal/publisher", "internal/admin", "internal/presence"},
		why: "the doctor looks at each part by itself, and would see only half through a publisher, which retries and keeps",
	},
	{
		from: []string{"internal"}, to: []string{"cmd"},
		why: "commands use packages",
	},
}

// banned is what the program itself must not contain, directly or through
// anything that it imports.
var banned = []struct{ path, why string }{
	{"testing", "test code in the program: its flags and its size"},
	{"net/http/httptest", "test code in the program"},
	{"net/http/pprof", "registers itself on the default mux, where it can be reached by accident"},
	{"go.uber.org/goleak", "test code in the program"},
	{"github.com/rogpeppe/go-internal", "test code in the program"},
	{"github.com/bluenviron/gortsplib/v4", "retired by its authors; two RTSP libraries are one too many"},
	{"github.com/pion/webrtc/v3", "two WebRTC stacks are one too many"},
	{"github.com/livekit/server-sdk-go/v2/pkg/media", "needs cgo (libopus)"},
}

// clients says in which packages a type of a library may be named.
var clients = []struct {
	lib, name string
	in        []string
	why       string
}{
	{
		lib: "github.com/bluenviron/gortsplib/v5", name: "Client", in: []string{"pkg/rtspsrc", "internal/camsim/feed"},
		why: "who plays from a camera is pkg/rtspsrc; feed only records into servers, so that they can play a camera",
	},
	{lib: "os", name: "WriteFile", in: writers, why: writes},
	{lib: "os", name: "Create", in: writers, why: writes},
	{lib: "os", name: "CreateTemp", in: writers, why: writes},
	{lib: "os", name: "OpenFile", in: writers, why: writes},
}

// writers may write files: beside the command only what tests and developers use.
var writers = []string{"cmd/rtsp2whip", "internal/personalities", "internal/whiptest", "tools"}

const writes = "what runs for years writes no file; rtsp2whip install does, with modes that a test holds"
