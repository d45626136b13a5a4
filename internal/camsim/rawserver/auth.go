package rawserver

import (
	"crypto/md5" // #nosec G501 -- what RTSP cameras speak
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const realm = "IP camera"

// door asks one connection for a password.
type door struct {
	user, password string
	sha256, qop    bool
	uses           int // requests that a nonce is good for; 0: all

	nonce string
	used  int
	opens map[string]bool // nonces given out that have expired
}

// admit checks a request's credentials. A refusal is the challenge to answer with.
func (d *door) admit(r *request) (challenge string) {
	given := authorization(r.header["Authorization"])
	nonce := given["nonce"]
	stale := d.opens[nonce]
	switch {
	case d.nonce == "" || nonce != d.nonce && !stale:
	case given["username"] != d.user || given["uri"] != r.url || given["response"] != d.response(r.method, given):
		stale = false
	case d.qop && (given["qop"] != "auth" || len(given["nc"]) != 8 || given["cnonce"] == ""):
		stale = false
	case stale:
	case d.uses > 0 && d.used >= d.uses:
		stale = true
	default:
		d.used++
		return ""
	}
	return d.challenge(stale)
}

// challenge gives out a new nonce.
func (d *door) challenge(stale bool) string {
	if d.opens == nil {
		d.opens = map[string]bool{}
	}
	if d.nonce != "" {
		d.opens[d.nonce] = true
	}
	d.nonce, d.used = token(), 0
	c := fmt.Sprintf(`Digest realm="%s", nonce="%s"`, realm, d.nonce)
	if d.qop {
		c += fmt.Sprintf(`, qop="auth", opaque="%s"`, token()[:8])
	}
	switch {
	case d.sha256:
		c += `, algorithm=SHA-256`
	case d.qop:
		c += `, algorithm=MD5`
	}
	if stale {
		c += `, stale=true`
	}
	return c
}

// response is RFC 7616, section 3.4.1.
func (d *door) response(method string, given map[string]string) string {
	sum := func(s string) string {
		if d.sha256 {
			h := sha256.Sum256([]byte(s))
			return hex.EncodeToString(h[:])
		}
		h := md5.Sum([]byte(s)) // #nosec G401 -- RFC 7616
		return hex.EncodeToString(h[:])
	}
	middle := given["nonce"]
	if d.qop {
		middle += ":" + given["nc"] + ":" + given["cnonce"] + ":auth"
	}
	return sum(sum(d.user+":"+realm+":"+d.password) + ":" + middle + ":" + sum(method+":"+given["uri"]))
}

// authorization reads the parameters of a Digest header; nil if it is another.
func authorization(header string) map[string]string {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil
	}
	out := map[string]string{}
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		var value string
		if quoted, found := strings.CutPrefix(after, `"`); found {
			value, rest, _ = strings.Cut(quoted, `"`)
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			value, rest, _ = strings.Cut(after, ",")
		}
		out[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return out
}

// token is a random string for nonces and session ids.
func token() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(b[:]))
}
