package onvif

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" // #nosec G505 -- what ONVIF prescribes
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/camhttp"
)

// Namespaces.
const (
	nsEnvelope = "http://www.w3.org/2003/05/soap-envelope"
	nsDevice   = "http://www.onvif.org/ver10/device/wsdl"
	nsMedia    = "http://www.onvif.org/ver10/media/wsdl"
	nsMedia2   = "http://www.onvif.org/ver20/media/wsdl"
	nsSchema   = "http://www.onvif.org/ver10/schema"
	nsSecurity = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsUtility  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	digestType = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
	nonceType  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)

// What an error may be, for errors.Is.
var (
	// ErrRefused: the device does not accept the account, or gives it no right to
	// this. Asking again may get the account locked.
	ErrRefused = errors.New("the device refuses this user name or password")
	// ErrNotONVIF: whatever answers, it does not speak ONVIF.
	ErrNotONVIF = errors.New("the answer is not ONVIF's")
)

// Fault is a device's SOAP fault.
type Fault struct {
	Code string // the innermost one, without namespace, such as "ActionNotSupported"
	Text string
}

func (f *Fault) Error() string {
	if f.Text == "" {
		return "the device answers " + f.Code
	}
	return fmt.Sprintf("the device answers %s (%s)", f.Code, f.Text)
}

// request is an operation: an element in a namespace, and what is in it, as XML.
type request struct {
	ns, name string
	body     string
	open     bool // needs no account (Core, access class PRE_AUTH)
}

// ask sends a request and decodes the answer's envelope into out. Elements are
// found by their names alone: devices get namespaces wrong.
func (c *Client) ask(ctx context.Context, at *url.URL, r request, out any) error {
	if r.open || c.username == "" {
		return errOp(r.name, c.send(ctx, at, r, "", out))
	}
	now, fresh := c.deviceTime(ctx)
	err := c.send(ctx, at, r, c.security(now), out)
	if errors.Is(err, ErrRefused) && !fresh && c.clockMoved(ctx) {
		now, _ = c.deviceTime(ctx)
		err = c.send(ctx, at, r, c.security(now), out)
	}
	return errOp(r.name, err)
}

// send asks once, with a header or none.
func (c *Client) send(ctx context.Context, at *url.URL, r request, header string, out any) error {
	body := `<?xml version="1.0" encoding="UTF-8"?>` +
		`<s:Envelope xmlns:s="` + nsEnvelope + `">` + header +
		`<s:Body><` + r.name + ` xmlns="` + r.ns + `">` + r.body + `</` + r.name + `></s:Body></s:Envelope>`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", `application/soap+xml; charset=utf-8; action="`+r.ns+"/"+r.name+`"`)
	res, err := c.http.Do(req)
	if err != nil {
		return reason(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, camhttp.MaxBody))
	if err != nil {
		return err
	}
	return decode(res.StatusCode, answer, out)
}

// reason drops the URL, which the caller knows, from an error of net/http.
func reason(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// security is a WS-Security header with a UsernameToken (Core, section 5.9.1): the
// digest is Base64(SHA-1(nonce + created + password)).
func (c *Client) security(now time.Time) string {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	created := now.UTC().Format("2006-01-02T15:04:05.000Z")
	return `<s:Header><Security s:mustUnderstand="1" xmlns="` + nsSecurity + `"><UsernameToken>` +
		`<Username>` + escape(c.username) + `</Username>` +
		`<Password Type="` + digestType + `">` + PasswordDigest(nonce, created, c.password) + `</Password>` +
		`<Nonce EncodingType="` + nonceType + `">` + base64.StdEncoding.EncodeToString(nonce) + `</Nonce>` +
		`<Created xmlns="` + nsUtility + `">` + created + `</Created>` +
		`</UsernameToken></Security></s:Header>`
}

// PasswordDigest is that of a UsernameToken.
func PasswordDigest(nonce []byte, created, password string) string {
	h := sha1.New() // #nosec G401 -- WS-Security knows no other
	h.Write(nonce)
	h.Write([]byte(created + password))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

// decode judges an answer.
func decode(status int, body []byte, out any) error {
	var env struct {
		XMLName xml.Name
		Fault   *struct {
			Codes []string `xml:"Code>Value"`
			Inner []string `xml:"Code>Subcode>Value"`
			Third []string `xml:"Code>Subcode>Subcode>Value"`
			Text  string   `xml:"Reason>Text"`
			Old   string   `xml:"faultstring"` // SOAP 1.1
		} `xml:"Body>Fault"`
	}
	err := parse(body, &env)
	switch {
	case err == nil && env.Fault != nil:
		f := &Fault{Text: plain(env.Fault.Text + env.Fault.Old)}
		for _, code := range append(append(env.Fault.Codes, env.Fault.Inner...), env.Fault.Third...) {
			f.Code = plain(code[strings.LastIndexByte(code, ':')+1:])
		}
		if status == http.StatusUnauthorized || refuses(append(env.Fault.Inner, env.Fault.Third...), f.Text) {
			return fmt.Errorf("%w: %w", ErrRefused, f)
		}
		return f
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("%w: %d %s", ErrRefused, status, http.StatusText(status))
	case status >= 500:
		return fmt.Errorf("the device answers %d %s", status, http.StatusText(status))
	case status != http.StatusOK:
		return fmt.Errorf("%w: %d %s", ErrNotONVIF, status, http.StatusText(status))
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNotONVIF, err)
	case env.XMLName.Local != "Envelope":
		return ErrNotONVIF
	}
	return parse(body, out)
}

// refuses tells the faults of a failed authentication, as devices write them.
func refuses(codes []string, text string) bool {
	for _, code := range codes {
		switch code[strings.LastIndexByte(code, ':')+1:] {
		case "NotAuthorized", "FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken":
			return true
		}
	}
	return strings.Contains(strings.ToLower(text), "not authorized")
}

// Bounds of a document; no device comes near.
const (
	maxDepth    = 48
	maxElements = 50000
)

// parse decodes a document whose shape it has looked at first.
func parse(doc []byte, out any) error {
	doc = bytes.ToValidUTF8(doc, []byte("?"))
	depth, elements := 0, 0
	for d := decoder(doc); ; {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch t.(type) {
		case xml.Directive:
			return errors.New("a document type has no place in SOAP")
		case xml.StartElement:
			depth++
			elements++
		case xml.EndElement:
			depth--
		}
		if depth > maxDepth || elements > maxElements {
			return errors.New("the document is too deep or too long")
		}
	}
	return decoder(doc).Decode(out)
}

// number is a number that may be written wrongly: then it is 0.
type number float64

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *number) UnmarshalText(b []byte) error {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	if err != nil || !(f >= 0 && f < 1e6) {
		f = 0
	}
	*n = number(f)
	return nil
}

func decoder(doc []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(doc))
	// Whatever they claim, names and numbers are ASCII.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}
