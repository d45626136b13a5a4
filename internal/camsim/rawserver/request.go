package rawserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// request is what a client asks.
type request struct {
	method string
	url    string
	header map[string]string // by canonical name; the last one of a name
	body   string
}

// frame is an interleaved packet of the client's.
type frame struct {
	channel byte
	payload []byte
}

// Limits, so that no client takes the server's memory.
const (
	maxLine    = 4096
	maxHeaders = 64
	maxBody    = 1 << 16
)

// readMessage reads the next request or interleaved frame; one of them is nil.
func readMessage(br *bufio.Reader) (*request, *frame, error) {
	for {
		first, err := br.Peek(1)
		if err != nil {
			return nil, nil, err
		}
		switch first[0] {
		case '$':
			f, err := readFrame(br)
			return nil, f, err
		case '\r', '\n':
			_, _ = br.Discard(1)
		default:
			r, err := readRequest(br)
			return r, nil, err
		}
	}
}

func readFrame(br *bufio.Reader) (*frame, error) {
	var head [4]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return nil, err
	}
	f := &frame{channel: head[1], payload: make([]byte, binary.BigEndian.Uint16(head[2:]))}
	_, err := io.ReadFull(br, f.payload)
	return f, err
}

func readRequest(br *bufio.Reader) (*request, error) {
	line, err := readLine(br)
	if err != nil {
		return nil, err
	}
	part := strings.Split(line, " ")
	if len(part) != 3 || part[0] == "" || part[1] == "" || !strings.HasPrefix(part[2], "RTSP/") {
		return nil, fmt.Errorf("not a request line: %q", line)
	}
	r := &request{method: part[0], url: part[1], header: map[string]string{}}
	for range maxHeaders {
		if line, err = readLine(br); err != nil {
			return nil, err
		}
		if line == "" {
			return r, r.readBody(br)
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("not a header line: %q", line)
		}
		r.header[textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return nil, errors.New("too many header lines")
}

func (r *request) readBody(br *bufio.Reader) error {
	text, ok := r.header["Content-Length"]
	if !ok {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n > maxBody {
		return fmt.Errorf("Content-Length: %q", text)
	}
	body := make([]byte, n)
	_, err = io.ReadFull(br, body)
	r.body = string(body)
	return err
}

// readLine reads to a line's end and returns it without that.
func readLine(br *bufio.Reader) (string, error) {
	var line []byte
	for {
		b, err := br.ReadByte()
		switch {
		case err != nil:
			return "", err
		case b == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case len(line) == maxLine:
			return "", errors.New("a line is too long")
		}
		line = append(line, b)
	}
}

// place is the URL's path and query as they were written.
func (r *request) place() string {
	_, rest, ok := strings.Cut(r.url, "://")
	if !ok {
		return r.url
	}
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		return "/"
	}
	return rest[i:]
}

// path is the URL's path without a slash at its end.
func (r *request) path() string {
	p, _, _ := strings.Cut(r.place(), "?")
	if plain, err := url.PathUnescape(p); err == nil {
		p = plain
	}
	return strings.TrimRight(p, "/")
}

// host is the URL's host and port.
func (r *request) host() string {
	_, rest, _ := strings.Cut(r.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return host
}

// transport is one of the ways that a Transport header offers.
type transport struct {
	tcp         bool
	channel     int    // the first of two
	port, port2 uint16 // the client's
}

// transports parses a Transport header (RFC 2326, section 12.39). What cannot be
// served is left out.
func transports(header string) []transport {
	var out []transport
	for spec := range strings.SplitSeq(header, ",") {
		t := transport{channel: -1}
		known := false
		for i, param := range strings.Split(spec, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			first, second, _ := strings.Cut(value, "-")
			switch strings.ToLower(key) {
			case "rtp/avp/tcp":
				t.tcp, known = true, i == 0
			case "rtp/avp", "rtp/avp/udp":
				known = i == 0
			case "multicast":
				known = false
			case "interleaved":
				if n, err := strconv.ParseUint(first, 10, 8); err == nil && n < 255 {
					t.channel = int(n)
				}
			case "client_port":
				a, err := strconv.ParseUint(first, 10, 16)
				b, err2 := strconv.ParseUint(second, 10, 16)
				if err == nil && err2 == nil {
					t.port, t.port2 = uint16(a), uint16(b)
				}
			}
		}
		if known && (t.tcp || t.port != 0) {
			out = append(out, t)
		}
	}
	return out
}
