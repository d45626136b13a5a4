package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rtsp2whip/rtsp2whip/internal/secret"
)

const (
	// cookieName is the browser's proof that it was given the token.
	cookieName = "rtsp2whip"
	// cookieLife is how long a browser stays logged in.
	cookieLife = 7 * 24 * time.Hour
	// maxBody is the most that a request may carry, but for offers of previews: the
	// longest is the login form.
	maxBody = 8 << 10
)

// authorized tells whether a request bears the token, in its header or as the
// cookie that the login form gave out. Without a token everybody is.
func (s *Server) authorized(r *http.Request) bool {
	if s.cfg.Token.Empty() {
		return true
	}
	if given, ok := bearer(r); ok {
		return s.cfg.Token.Equal(secret.New(given))
	}
	c, err := r.Cookie(cookieName)
	return err == nil && s.cookieHolds(c.Value, time.Now())
}

// bearer returns the token in a request's header.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "Bearer")
}

// cookieFor makes the cookie's text: when it ends, and that under the token's key.
// The token itself does not stay in the browser, nothing need be kept here, and
// another token ends all logins.
func (s *Server) cookieFor(end time.Time) string {
	unix := strconv.FormatInt(end.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(s.cfg.Token.Reveal()))
	mac.Write([]byte("rtsp2whip login until " + unix))
	return unix + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *Server) cookieHolds(text string, now time.Time) bool {
	unix, _, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return false
	}
	end := time.Unix(n, 0)
	return secret.New(text).Equal(secret.New(s.cookieFor(end))) && now.Before(end)
}

// login gives the cookie to whoever posts the token.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.loginPage(w, http.StatusBadRequest, "The form could not be read.")
		return
	}
	if s.cfg.Token.Empty() || !s.cfg.Token.Equal(secret.New(strings.TrimSpace(r.PostForm.Get("token")))) {
		s.limits.failed(remote(r))
		s.loginPage(w, http.StatusUnauthorized, "This is not the token.")
		return
	}
	end := time.Now().Add(cookieLife)
	http.SetCookie(w, &http.Cookie{ // #nosec G124 -- Secure is decided below
		Name: cookieName, Value: s.cookieFor(end), Path: "/", Expires: end, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		// A proxy that speaks TLS to the browser says so; a lie only keeps the liar out.
		Secure: strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode}) // #nosec G124 -- empty
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// hostAllowed refuses foreign names on a loopback connection. Elsewhere any
// name may be the operator's own, and a token is asked for.
func hostAllowed(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err = netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// originAllowed refuses what pages from elsewhere ask for. net/http looks at what
// changes something; here others may not read or hold a line open either. Following
// a link to a page is fine.
func originAllowed(r *http.Request) bool {
	if http.NewCrossOriginProtection().Check(r) != nil {
		return false
	}
	if o := r.Header.Get("Origin"); o != "" {
		u, err := url.Parse(o)
		return err == nil && u.Host == r.Host
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// remote is the address that a request comes from, without its port.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
