package ingress

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// forge makes what looks like a room token; nobody here checks signatures.
func forge(t testing.TB, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString(body) + ".c2lnbmF0dXJl"
}

// publishes are the claims of a token that lets its bearer publish.
func publishes(life time.Duration) map[string]any {
	return map[string]any{
		"sub": "cam-gate", "exp": time.Now().Add(life).Unix(),
		"video": map[string]any{"roomJoin": true, "room": "site", "canPublish": true},
	}
}

func with(key string, value any) map[string]any {
	c := publishes(time.Hour)
	c[key] = value
	return c
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gate.jwt")
	tokens := TokenFile(file)
	_, err := tokens.Token(t.Context())
	wantError(t, err, Invalid, true, "room token file: there is none", "room_token.token_file")
	for range 2 { // what is there is read each time
		want := forge(t, publishes(time.Hour)) + rand(t)
		if err := os.WriteFile(file, []byte("\uFEFF"+want+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := tokens.Token(t.Context())
		if err != nil || got.Reveal() != want || got.Identity != "cam-gate" || got.Room != "site" || got.ServerURL != "" {
			t.Errorf("%v: %+v", err, got)
		}
		noSecret(t, allForms(got))
	}
	if err := os.WriteFile(file, make([]byte, maxToken+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = tokens.Token(t.Context())
	wantError(t, err, Invalid, true, "cannot be read", "room_token.token_file")
}

var randoms atomic.Int64

// rand is a bit of signature that makes a token differ from the last.
func rand(testing.TB) string { return fmt.Sprintf("%04d", randoms.Add(1)) }

func TestIssuedTokenIsJudged(t *testing.T) {
	for name, tc := range map[string]struct {
		token string
		text  string // "" for one that is fine
		hint  string
	}{
		"fine":           {forge(t, publishes(time.Hour)), "", ""},
		"without an end": {forge(t, with("exp", nil)), "", ""},
		"publishing not mentioned": {
			forge(t, with("video", map[string]any{"roomJoin": true, "room": "site"})), "", "",
		},
		"not a token":    {"devkey", "is no room token", "three parts"},
		"a token cut":    {forge(t, publishes(time.Hour))[:40], "is no room token", "three parts"},
		"two lines":      {forge(t, publishes(time.Hour)) + "\nx", "is no room token", "nothing else"},
		"nobody":         {forge(t, with("sub", "")), "no identity", "roomJoin"},
		"no room":        {forge(t, with("video", map[string]any{"roomJoin": true})), "nobody join", "roomJoin"},
		"an admin's":     {forge(t, with("video", map[string]any{"roomAdmin": true, "room": "site"})), "nobody join", "roomJoin"},
		"a viewer's":     {forge(t, with("video", map[string]any{"roomJoin": true, "room": "site", "canPublish": false})), "nobody publish", "canPublish"},
		"expired":        {forge(t, publishes(-time.Hour)), "expired at", "clock"},
		"of the future":  {forge(t, with("nbf", time.Now().Add(time.Hour).Unix())), "not valid before", "clock is behind"},
		"beyond all end": {forge(t, with("exp", 1e300)), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(tc.token), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := TokenFile(file).Token(t.Context())
			if tc.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, Invalid, true, tc.text, tc.hint)
			noSecret(t, err.Error())
		})
	}
}
