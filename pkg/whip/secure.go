package whip

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/packetio"
	"golang.org/x/sys/cpu"
)

const (
	// maxDatagram is as much as the ICE agent reads at once.
	maxDatagram = 8192
	// maxRecords bounds the bytes of DTLS that wait to be read: a few flights.
	maxRecords = 64 << 10
	// srtcpReplay is the window of RFC 3711 section 3.3.2, as large as it asks for at least.
	srtcpReplay = 64
)

// srtpProfiles orders the SRTP protection profiles by what this CPU does fast.
// With AES instructions AES-128-GCM takes 0.3 us for 1,200 bytes and AES-CM with
// HMAC-SHA1 1.0 us; without them 7.9 us and 4.6 us.
func srtpProfiles(hardwareAES bool) []dtls.SRTPProtectionProfile {
	if hardwareAES {
		return []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	}
	return []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM}
}

func hasAES() bool {
	return (cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ) || (cpu.ARM64.HasAES && cpu.ARM64.HasPMULL) ||
		cpu.S390X.HasAESGCM
}

// secure waits for a path, agrees on keys over it, and says so. It is a goroutine.
func (p *peer) secure(ctx context.Context, conn *ice.Conn, r remote, keyed func(*srtp.Config) error) {
	defer p.running.Done()
	if err := p.agent.AwaitConnect(ctx); err != nil {
		return // closed; failures are told by the agent's states
	}
	if pair, err := p.agent.GetSelectedCandidatePair(); err == nil && pair != nil && p.route.chosen.Load() == nil {
		p.route.set(pair.Local, pair.Remote) // the agent tells soon, but packets are sent right now
	}
	p.running.Add(1)
	go p.read(conn)
	keys, err := p.handshake(ctx, conn, r)
	if err == nil {
		err = p.use(keys)
	}
	if err == nil {
		err = keyed(keys)
	}
	if err != nil {
		p.log.log.Debug("whip: DTLS", "error", err)
		p.events.lose("failed")
		return
	}
	p.events.connect()
}

// handshake goes through DTLS and returns the keys for SRTP (RFC 5764).
func (p *peer) handshake(ctx context.Context, conn *ice.Conn, r remote) (*srtp.Config, error) {
	options := []dtls.Option{
		dtls.WithCertificates(p.certificate),
		dtls.WithSRTPProtectionProfiles(srtpProfiles(hasAES())...),
		// Certificates are self-signed: the fingerprint in the answer is what counts.
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error { return r.verify(raw) }),
		dtls.WithLoggerFactory(p.log),
	}
	pipe := &recordPipe{conn: conn, records: p.records, closed: func() { p.events.lose("closed") }}
	var d *dtls.Conn
	var err error
	if r.dtlsServer {
		var o []dtls.ClientOption
		for _, option := range options {
			o = append(o, option)
		}
		d, err = dtls.ClientWithOptions(pipe, conn.RemoteAddr(), o...)
	} else {
		o := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, option := range options {
			o = append(o, option)
		}
		d, err = dtls.ServerWithOptions(pipe, conn.RemoteAddr(), o...)
	}
	if err != nil {
		return nil, err
	}
	p.dtls.Store(d)
	if err := d.HandshakeContext(ctx); err != nil {
		_ = d.Close()
		return nil, err
	}
	return sessionKeys(d, r.dtlsServer)
}

// sessionKeys are those of SRTP and SRTCP in both directions.
func sessionKeys(d *dtls.Conn, client bool) (*srtp.Config, error) {
	chosen, ok := d.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, errors.New("the server takes no SRTP protection profile of ours")
	}
	keys := &srtp.Config{Profile: srtp.ProtectionProfileAeadAes128Gcm}
	if chosen == dtls.SRTP_AES128_CM_HMAC_SHA1_80 {
		keys.Profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	}
	state, ok := d.ConnectionState()
	if !ok {
		return nil, errors.New("no keys")
	}
	return keys, keys.ExtractSessionKeysFromDTLS(&state, client)
}

// outgoing makes a context for what we send.
func outgoing(keys *srtp.Config) (*srtp.Context, error) {
	return srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
}

// use takes the keys of RTCP.
func (p *peer) use(keys *srtp.Config) error {
	out, err := outgoing(keys)
	if err != nil {
		return err
	}
	in, err := srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile,
		srtp.SRTCPReplayProtection(srtcpReplay))
	if err != nil {
		return err
	}
	p.outMu.Lock()
	p.out = out
	p.outMu.Unlock()
	p.in.Store(in)
	return nil
}

// read sorts what arrives (RFC 7983 section 7) until the agent ends. It is a
// goroutine. A server sends no RTP here.
func (p *peer) read(conn *ice.Conn) {
	defer p.running.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, io.ErrShortBuffer) {
			continue
		}
		if err != nil {
			return
		}
		switch b := buf[:n]; {
		case n < 4:
		case b[0] >= 20 && b[0] <= 63:
			_, _ = p.records.Write(b) // full: lost, as on any network
		case b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223: // RFC 5761 section 4
			if in := p.in.Load(); in != nil {
				if plain, err := in.DecryptRTCP(b, b, nil); err == nil {
					p.onRTCP(plain)
				}
			}
		}
	}
}

// errNoKeys says that DTLS has not come to its end.
var errNoKeys = errors.New("no keys yet")

// writeRTCP sends a compound packet.
func (p *peer) writeRTCP(packets ...rtcp.Packet) error {
	plain, err := rtcp.Marshal(packets)
	if err != nil {
		return err
	}
	p.outMu.Lock()
	defer p.outMu.Unlock()
	if p.out == nil {
		return errNoKeys
	}
	if p.sealed, err = p.out.EncryptRTCP(p.sealed[:0], plain, nil); err != nil {
		return err
	}
	_, err = p.route.agent.Write(p.sealed)
	return err
}

// verify compares the server's certificate with the answer's fingerprint (RFC 8122
// section 5).
func (r remote) verify(raw [][]byte) error {
	if len(raw) == 0 {
		return errors.New("the server has no certificate")
	}
	certificate, err := x509.ParseCertificate(raw[0])
	if err != nil {
		return err
	}
	hash, err := fingerprint.HashFromString(r.hash)
	if err != nil {
		return fmt.Errorf("fingerprint by %q: %w", r.hash, err)
	}
	got, err := fingerprint.Fingerprint(certificate, hash)
	if err != nil {
		return err
	}
	if !strings.EqualFold(got, r.fingerprint) {
		return errors.New("the server's certificate is not the one that its answer names")
	}
	return nil
}

// recordPipe is the ICE agent's connection as DTLS sees it.
type recordPipe struct {
	conn    *ice.Conn
	records *packetio.Buffer
	closed  func()
}

var _ net.PacketConn = (*recordPipe)(nil)

func (r *recordPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := r.records.Read(b)
	return n, nil, err
}

func (r *recordPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	n, err := r.conn.Write(b)
	switch {
	case errors.Is(err, ice.ErrNoCandidatePairs): // lost, as on any network
		return len(b), nil
	case errors.Is(err, ice.ErrClosed):
		return 0, io.ErrClosedPipe
	}
	return n, err
}

// Close is called when either side ends DTLS.
func (r *recordPipe) Close() error {
	r.closed()
	return r.records.Close()
}

func (r *recordPipe) LocalAddr() net.Addr                { return r.conn.LocalAddr() }
func (r *recordPipe) SetDeadline(t time.Time) error      { return r.records.SetReadDeadline(t) }
func (r *recordPipe) SetReadDeadline(t time.Time) error  { return r.records.SetReadDeadline(t) }
func (r *recordPipe) SetWriteDeadline(t time.Time) error { return r.conn.SetWriteDeadline(t) }
