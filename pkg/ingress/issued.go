package ingress

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// maxToken is the most bytes that are read of a token or of the answer around it.
// Metadata and attributes make tokens long.
const maxToken = 256 << 10

// IssuedToken is a room token that was made elsewhere, by somebody who has the
// API secret. It prints as "[redacted]".
type IssuedToken struct {
	token string
	// ServerURL is the LiveKit server that the token is for, "" if whoever made
	// it does not say.
	ServerURL string
	// Identity and Room are whom the token makes its bearer, and where.
	Identity string
	Room     string
	// Expires is zero for a token without an end.
	Expires time.Time

	notBefore time.Time
}

// Reveal returns the token itself, for the Authorization header.
func (t IssuedToken) Reveal() string { return t.token }

// String hides the token.
func (t IssuedToken) String() string { return redacted }

// GoString hides the token.
func (t IssuedToken) GoString() string { return redacted }

// IssuedTokens hands out room tokens that are made elsewhere, so that a box needs
// no API secret. LiveKit checks the token again at every PATCH and DELETE of a
// session: ask for one before each request.
type IssuedTokens interface {
	// Token returns a token that lets its bearer publish, or an *Error.
	Token(ctx context.Context) (IssuedToken, error)
	// Forget drops what is kept of earlier answers: LiveKit has refused it.
	Forget()
}

// TokenFile hands out the token in a file, which is read each time: whoever makes
// tokens may replace it at any time (write another file and rename it).
type TokenFile string

// Token reads the file.
func (f TokenFile) Token(context.Context) (IssuedToken, error) {
	const op = "room token file"
	data, err := readAtMost(string(f), maxToken)
	if err != nil {
		e := &Error{Op: op, Reason: Invalid, detail: "cannot be read", hint: "check room_token.token_file and who may read it", err: err}
		if errors.Is(err, fs.ErrNotExist) {
			e.detail = "there is none"
		}
		return IssuedToken{}, e
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(data), "\uFEFF"))
	return parseIssued(op, text, "write a new one into room_token.token_file", time.Now())
}

// Forget does nothing: nothing is kept.
func (TokenFile) Forget() {}

func readAtMost(path string, most int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > most {
		return nil, errors.New("the file is too long for a token")
	}
	return os.ReadFile(path)
}

// issuedClaims are those of a room token that matter to a publisher.
type issuedClaims struct {
	Subject   string  `json:"sub"`
	Expires   float64 `json:"exp"` // seconds since 1970; a NumericDate may have a fraction (RFC 7519 section 2)
	NotBefore float64 `json:"nbf"`
	Video     struct {
		Room       string `json:"room"`
		RoomJoin   bool   `json:"roomJoin"`
		CanPublish *bool  `json:"canPublish"` // not there: yes
	} `json:"video"`
}

// readClaims looks into a JWT (RFC 7519) without checking its signature: only
// LiveKit can.
func readClaims(token string) (issuedClaims, bool) {
	var c issuedClaims
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return c, false
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return c, false
		}
	}
	return c, true
}

// parseIssued takes a token and finds out at once what LiveKit would refuse
// without saying why. again says where a better one goes.
func parseIssued(op, token, again string, now time.Time) (IssuedToken, error) {
	bad := func(detail, hint string) (IssuedToken, error) {
		return IssuedToken{}, &Error{Op: op, Reason: Invalid, detail: detail, hint: hint}
	}
	c, ok := readClaims(token)
	if !ok {
		return bad("is no room token (JWT)", again+": three parts with dots between them, and nothing else")
	}
	t := IssuedToken{token: token, Identity: c.Subject, Room: c.Video.Room, Expires: seconds(c.Expires), notBefore: seconds(c.NotBefore)}
	const grants = "make the token with an identity and the grants roomJoin, room and canPublish"
	switch {
	case t.Identity == "":
		return bad("the token has no identity", grants)
	case !c.Video.RoomJoin || t.Room == "":
		return bad("the token lets nobody join a room", grants)
	case c.Video.CanPublish != nil && !*c.Video.CanPublish:
		return bad("the token lets nobody publish", grants)
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return bad("the token expired at "+clock(t.Expires), again+"; if it is new, this machine's clock is wrong: it shows "+clock(now))
	case t.notBefore.After(now.Add(time.Minute)):
		return bad("the token is not valid before "+clock(t.notBefore), "this machine's clock is behind: it shows "+clock(now)+", set it (timedatectl)")
	}
	return t, nil
}

// seconds turns a NumericDate into a time; what no calendar reaches becomes its end.
func seconds(s float64) time.Time {
	const end = 253402300799 // 9999-12-31
	if s <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(min(s, end)), 0)
}
