package whip

import (
	"log/slog"
	"strings"
	"testing"
)

func TestLibraryLogsHoldNoICEPassword(t *testing.T) {
	var out strings.Builder
	log := pionLogs{slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}.NewLogger("ice")
	log.Debugf("Started agent: isControlling? %t, remoteUfrag: %q, remotePwd: %q", true, "frag", "tOpSeCrEtPwd")
	log.Info("a=ice-pwd:tOpSeCrEtPwd and more")
	log.Warn("password=tOpSeCrEtPwd")
	if got := out.String(); strings.Contains(got, "tOpSeCrEtPwd") || !strings.Contains(got, "and more") || !strings.Contains(got, "frag") {
		t.Error(got)
	}
}
