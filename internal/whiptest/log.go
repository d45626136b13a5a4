package whiptest

import (
	"io"
	"log"

	"github.com/pion/logging"
)

var discardLog = log.New(io.Discard, "", 0)

// quiet keeps the WebRTC library's log out of the tests' output: they cut
// connections and spoil answers all the time.
func quiet() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}
