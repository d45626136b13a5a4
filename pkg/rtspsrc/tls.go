package rtspsrc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
)

// certError is a certificate that was refused.
type certError struct {
	cause error
	seen  string // SHA-256 of the camera's certificate, "" if it sent none
	pin   bool   // it differs from the configured one
}

func (e *certError) Error() string {
	if e.pin {
		return "the certificate is not the configured one, its SHA-256 is " + e.seen
	}
	return e.cause.Error()
}

func (e *certError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrCertificate}
	}
	return []error{ErrCertificate, e.cause}
}

// clientTLS does the handshake over c as the camera at host.
func (s *Source) clientTLS(ctx context.Context, c net.Conn, host string) (net.Conn, error) {
	cfg := &tls.Config{ServerName: host}
	if s.cfg.TLS.Insecure || s.pin != nil {
		// Who pins or waives the certificate has an old camera; without these it
		// could not be reached at all.
		cfg.InsecureSkipVerify = true
		cfg.MinVersion = tls.VersionTLS10
		for _, suites := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
			for _, suite := range suites {
				cfg.CipherSuites = append(cfg.CipherSuites, suite.ID)
			}
		}
	}
	if s.pin != nil {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return &certError{pin: true, seen: "(none)"}
			}
			sum := sha256.Sum256(cs.PeerCertificates[0].Raw)
			if !bytes.Equal(sum[:], s.pin) {
				return &certError{pin: true, seen: hex.EncodeToString(sum[:])}
			}
			return nil
		}
	}
	tc := tls.Client(c, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, tlsCause(err)
	}
	return tc, nil
}

// tlsCause turns a failed verification into a certError with the fingerprint.
func tlsCause(err error) error {
	var ve *tls.CertificateVerificationError
	if errors.As(err, &ve) {
		ce := &certError{cause: ve.Err}
		if len(ve.UnverifiedCertificates) > 0 {
			sum := sha256.Sum256(ve.UnverifiedCertificates[0].Raw)
			ce.seen = hex.EncodeToString(sum[:])
		}
		return &stepError{"tls", ce}
	}
	return &stepError{"tls", fmt.Errorf("handshake: %w", err)}
}

// notYetOrNoMore reports that only the certificate's dates are wrong.
func notYetOrNoMore(err error) bool {
	var ie x509.CertificateInvalidError
	return errors.As(err, &ie) && ie.Reason == x509.Expired
}

// stepError tells which step of connecting failed; gortsplib passes it through.
type stepError struct {
	op  string
	err error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }
