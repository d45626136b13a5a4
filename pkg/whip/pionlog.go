package whip

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/pion/logging"
)

// pionLogs passes the WebRTC library's messages on at debug level, whatever level
// it gives them: its warnings are about single packets and candidates, and what
// matters of them comes back as a state or an error.
type pionLogs struct{ log *slog.Logger }

func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{p.log.With("scope", scope)}
}

// icePassword finds what the library prints of a session's ICE credentials: who
// knows them can take the media's path over.
var icePassword = regexp.MustCompile(`(?i)((?:pwd|password|credential)"?\s*[:=]\s*)("[^"]*"|\S+)`)

type pionLogger struct{ log *slog.Logger }

func (l pionLogger) put(text func() string) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("webrtc: " + icePassword.ReplaceAllString(text(), "$1***"))
	}
}

func (l pionLogger) putf(format string, args []any) {
	l.put(func() string { return fmt.Sprintf(format, args...) })
}

func (l pionLogger) Trace(string)                   {}
func (l pionLogger) Tracef(string, ...any)          {}
func (l pionLogger) Debug(msg string)               { l.put(func() string { return msg }) }
func (l pionLogger) Debugf(format string, a ...any) { l.putf(format, a) }
func (l pionLogger) Info(msg string)                { l.put(func() string { return msg }) }
func (l pionLogger) Infof(format string, a ...any)  { l.putf(format, a) }
func (l pionLogger) Warn(msg string)                { l.put(func() string { return msg }) }
func (l pionLogger) Warnf(format string, a ...any)  { l.putf(format, a) }
func (l pionLogger) Error(msg string)               { l.put(func() string { return msg }) }
func (l pionLogger) Errorf(format string, a ...any) { l.putf(format, a) }
