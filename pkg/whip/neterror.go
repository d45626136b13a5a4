package whip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// networkError makes an error of a request that got no response.
func (c *Client) networkError(ctx context.Context, method string, u *url.URL, err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err // its own text holds the whole URL
	}
	e := &Error{Op: method, URL: redactURL(u), Err: err}
	var (
		dnsErr      *net.DNSError
		unknownCA   x509.UnknownAuthorityError
		wrongName   x509.HostnameError
		invalidCert x509.CertificateInvalidError
		recordErr   tls.RecordHeaderError
		otherCert   *pinError
	)
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
		e.Err = context.Canceled
	case errors.As(err, &dnsErr):
		e.hint = fmt.Sprintf("the name %s cannot be resolved: check it, and this machine's DNS", dnsErr.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		e.hint = fmt.Sprintf("nothing listens at %s: check host and port, and that the server runs", u.Host)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		e.hint = fmt.Sprintf("there is no route to %s: check this machine's network", u.Hostname())
	case errors.As(err, &otherCert):
		e.slow = true
		e.hint = "if the server's certificate was renewed, configure the new SHA-256; otherwise somebody stands in between"
	case errors.As(err, &unknownCA):
		e.slow = true
		e.hint = "the server's certificate is from an authority that this machine does not trust: install or configure its CA certificate"
	case errors.As(err, &wrongName):
		e.slow = true
		e.hint = fmt.Sprintf("the server's certificate is not for %s: use the name that it is for", u.Hostname())
	case errors.As(err, &invalidCert) && invalidCert.Reason == x509.Expired:
		e.slow = true
		e.hint = c.expiredHint(ctx, u, invalidCert.Cert)
	case errors.As(err, &recordErr), errors.Is(err, http.ErrSchemeMismatch):
		e.slow = true
		e.hint = "the server does not speak TLS on this port: check the port, or use http"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.hint = fmt.Sprintf("%s cut the connection without a reply: look into its log, and check that a WHIP server listens there", u.Host)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		e.Err = fmt.Errorf("no reply in time: %w", err)
		e.hint = fmt.Sprintf("%s did not reply in time: check the network and a firewall in between", u.Host)
	}
	return e
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// expiredHint finds out whose fault it is that a certificate is out of its time,
// the certificate's or this machine's clock's.
func (c *Client) expiredHint(ctx context.Context, u *url.URL, cert *x509.Certificate) string {
	now := time.Now()
	if date, ok := c.serverDate(ctx, u); ok && now.Sub(date).Abs() > clockSkew &&
		(cert == nil || (date.After(cert.NotBefore) && date.Before(cert.NotAfter))) {
		return clockHint(now.Sub(date))
	}
	if cert != nil && now.Before(cert.NotBefore) {
		return fmt.Sprintf("the server's certificate is valid from %s on and this machine's clock says %s: check the clock",
			cert.NotBefore.UTC().Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	return "the server's certificate has expired: renew it, or check this machine's clock"
}

// serverDate asks the server for its time. The certificate has just been found
// wanting, so the request carries no credentials and no path, and the result
// serves for a hint only.
func (c *Client) serverDate(ctx context.Context, u *url.URL) (time.Time, bool) {
	transport, ok := c.http.Transport.(*http.Transport)
	if !ok {
		return time.Time{}, false
	}
	transport = transport.Clone()
	transport.DisableKeepAlives = true
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.TLSClientConfig.InsecureSkipVerify = true // for a date in a hint, see above
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	root := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, root.String(), nil)
	if err != nil {
		return time.Time{}, false
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return time.Time{}, false
	}
	_ = res.Body.Close()
	date, err := http.ParseTime(res.Header.Get("Date"))
	return date, err == nil
}
