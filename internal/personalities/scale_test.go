//go:build !full

package personalities_test

// scale shortens the times after which cameras do something.
const scale = 0.1
