package parts

import (
	"bufio"
	"fmt"
	"io"
	"net"
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

// Flush empties it.
func (r *Redis) Flush(t testing.TB) {
	t.Helper()
	conn, err := net.Dial("tcp", r.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "FLUSHALL\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || answer != "+OK\r\n" {
		t.Fatalf("FLUSHALL: %q, %v", answer, err)
	}
}
