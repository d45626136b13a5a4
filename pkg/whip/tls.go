package whip

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS says how the certificate of an https server is judged. The zero value trusts
// the authorities that the system trusts.
type TLS struct {
	// CAFile is a PEM file with certificates of authorities that are trusted too, also
	// for TURN servers over TLS.
	CAFile string
	// SHA256 is the server's certificate's fingerprint, 64 hexadecimal digits with or
	// without colons. That certificate is taken and no other, whoever has signed it
	// and whatever its name and dates.
	SHA256 string
	// Insecure takes any certificate: whoever is on the way can read the token and
	// the media. It is for tests.
	Insecure bool
}

// pinError is a certificate other than the configured one.
type pinError struct{ seen string }

func (e *pinError) Error() string {
	return "the server's certificate is not the configured one; its SHA-256 is " + e.seen
}

// Config returns what an HTTP client needs, nil if that is nothing special. It
// reads CAFile.
func (t TLS) Config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil //nolint:nilnil // no configuration is a fine one
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure} // #nosec G402 -- asked for
	if t.CAFile != "" {
		pool, err := poolWith(t.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = pool
	}
	if t.SHA256 == "" {
		return cfg, nil
	}
	pin, err := hex.DecodeString(strings.ReplaceAll(t.SHA256, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return nil, errors.New("the certificate's SHA-256 is not 64 hexadecimal digits")
	}
	cfg.InsecureSkipVerify = true // VerifyConnection does it
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw) // a server always has one
		if string(sum[:]) != string(pin) {
			return &pinError{hex.EncodeToString(sum[:])}
		}
		return nil
	}
	return cfg, nil
}

// poolWith is the system's authorities and those of a file.
func poolWith(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) // the configuration names it
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %s: no PEM certificate in it", file)
	}
	return pool, nil
}
