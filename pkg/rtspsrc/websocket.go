package rtspsrc

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// webSocket is RTSP in the binary messages of a WebSocket (ONVIF Streaming
// Specification section 5.1.1.5). gortsplib could open one by itself, but then nothing could be
// repaired between it and the parser.
type webSocket struct {
	*websocket.Conn
	message io.Reader // what is left of it, nil between two
	writing sync.Mutex
}

// openWebSocket makes a connection to the camera's web server one.
func openWebSocket(ctx context.Context, c net.Conn, host string) (net.Conn, error) {
	d := websocket.Dialer{
		Subprotocols:   []string{"rtsp.onvif.org"},
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return c, nil },
	}
	ws, res, err := d.DialContext(ctx, "ws://"+host+"/", nil)
	if err != nil {
		_ = c.Close()
		if res != nil {
			err = noTunnel(res.StatusCode)
		}
		return nil, err
	}
	return &webSocket{Conn: ws}, nil
}

// Read implements net.Conn.
func (w *webSocket) Read(p []byte) (int, error) {
	for {
		if w.message == nil {
			kind, r, err := w.NextReader()
			if err != nil {
				return 0, err
			}
			if kind == websocket.BinaryMessage {
				w.message = r
			}
			continue
		}
		n, err := w.message.Read(p)
		if err == io.EOF { //nolint:errorlint // as io.Reader says
			w.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write implements net.Conn: a message at a time.
func (w *webSocket) Write(p []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if err := w.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetDeadline implements net.Conn.
func (w *webSocket) SetDeadline(t time.Time) error {
	_ = w.SetWriteDeadline(t)
	return w.SetReadDeadline(t)
}
