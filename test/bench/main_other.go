//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux, whose accounting of CPU time and memory it reads")
	os.Exit(1)
}
