package parts

import (
	"fmt"
	"testing"
	"time"
)

// Redis is what livekit-server and LiveKit Ingress talk to each other through.
type Redis struct {
	*Process
	port int
}

// StartRedis starts an empty Redis that keeps nothing on disk.
func StartRedis(t testing.TB) *Redis {
	t.Helper()
	r := &Redis{port: FreePort(t)}
	r.Process = Run(t, Command{
		Name: "redis",
		Path: installed(t, "redis-server"),
		Args: []string{
			"--port", fmt.Sprint(r.port), "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "no", "--dir", t.TempDir(),
		},
	})
	r.ready(20*time.Second, func() error { return dial("127.0.0.1", r.port) })
	return r
}

func (r *Redis) address() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }
