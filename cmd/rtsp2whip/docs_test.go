package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestCommandsPage: docs/commands.md has a part for each command, with each of its flags.
func TestCommandsPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	var c cli
	for _, command := range kong.Must(&c).Model.Leaves(true) {
		name, _, _ := strings.Cut(pathOf(command), " ")
		_, part, found := strings.Cut(page, "\n## "+name+"\n")
		if !found {
			t.Errorf("there is nothing about %q", name)
			continue
		}
		part, _, _ = strings.Cut(part, "\n## ")
		for _, flag := range command.Flags {
			if known := strings.Contains(part, "--"+flag.Name) || name == "doctor" && strings.Contains(page, "--"+flag.Name); !known &&
				!strings.Contains(part, "-"+string(flag.Short)+" ") {
				t.Errorf("%s: there is nothing about --%s", name, flag.Name)
			}
		}
	}
}
