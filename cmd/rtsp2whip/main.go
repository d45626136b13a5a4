// Command rtsp2whip publishes RTSP cameras over WHIP, so that each camera is a
// participant in a LiveKit room.
package main

import "os"

func main() { os.Exit(start(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
